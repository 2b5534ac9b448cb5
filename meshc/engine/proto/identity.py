"""Who we are: the static key pair of the device."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from meshc.engine.proto import primitives
from meshc.keys import PrivateKey, clamp


class Identity:
    """The static private key, ready for use; it shows only its public half."""

    __slots__ = ("_secret", "private_key", "public_key")

    def __init__(self, private_key: PrivateKey) -> None:
        # wg(8) may hand over unclamped bytes; the kernel clamps what it stores
        self.private_key = PrivateKey(clamp(private_key.raw))
        self._secret = X25519PrivateKey.from_private_bytes(self.private_key.raw)
        self.public_key = self._secret.public_key().public_bytes_raw()

    def exchange(self, public: bytes) -> bytes | None:
        """X25519 with our static key; None for a point of low order."""
        return primitives.DH(self._secret, public)

    def __repr__(self) -> str:
        return f"Identity({self.public_key[:4].hex()}…)"

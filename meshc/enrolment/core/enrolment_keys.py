"""Enrolment keys: all that both sides derive from the secret of one invitation.

HKDF-SHA256 (RFC 5869), one label for each use, so that who is given one of them (the door's, to a
relay) learns nothing about the others.
"""

from __future__ import annotations

import hashlib
import hmac

from meshc.keys import PresharedKey, PrivateKey, PublicKey, clamp
from meshc.secret import SecretBytes

SECRET_LENGTH = 16
_SALT = b"meshc enrolment v1"


class EnrolmentKeys:
    """The keys of one invitation. `identifier` is its public name."""

    __slots__ = ("_root", "identifier")

    def __init__(self, secret: SecretBytes) -> None:
        self._root = hmac.digest(_SALT, secret.reveal(), "sha256")
        self.identifier = self.derived(b"identifier").reveal()[:8].hex()

    def __repr__(self) -> str:
        return f"EnrolmentKeys({self.identifier}, redacted)"

    def derived(self, label: bytes) -> SecretBytes:
        """32 bytes of the use that `label` names."""
        return SecretBytes(hmac.digest(self._root, label + b"\x01", "sha256"))

    def caller(self, slot: int) -> PrivateKey:
        """The throw-away key by which a machine goes through the door."""
        return PrivateKey(clamp(self.derived(b"door caller %d" % slot).reveal()))

    def door_preshared_key(self) -> PresharedKey:
        return PresharedKey(self.derived(b"door preshared key").reveal())

    def tag(self, body: bytes) -> bytes:
        """What shows that a request comes from who holds the token."""
        return hmac.digest(self.derived(b"request").reveal(), body, "sha256")

    def answer_key(
        self, own: PrivateKey, other: PublicKey, request: bytes, salt: bytes
    ) -> SecretBytes | None:
        """The key of one answer: from the token, the invitation's own key pair and the machine's
        throw-away one, the request and a new `salt`. Whoever has found the token makes no answer,
        because it takes the controller's key, and opens none. None for a point of low order."""
        from cryptography.hazmat.primitives.asymmetric.x25519 import (
            X25519PrivateKey,
            X25519PublicKey,
        )

        mine = X25519PrivateKey.from_private_bytes(own.raw)
        try:
            shared = mine.exchange(X25519PublicKey.from_public_bytes(other.raw))
        except ValueError:
            return None
        told = hashlib.sha256(request).digest()
        mixed = hmac.digest(self.derived(b"answer").reveal(), shared + told + salt, "sha256")
        return SecretBytes(mixed)

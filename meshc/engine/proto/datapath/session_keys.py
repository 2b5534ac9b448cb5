"""A session's two transport keys: one that seals, one that opens (whitepaper 5.4.6)."""

from __future__ import annotations

import struct

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from meshc.engine.proto.replay import ReplayWindow

_HEADER = struct.Struct("<II")
_TRANSPORT_DATA = 4


class SealingKey:
    """The key of what is sent; `counter` is the next to use.

    `encrypt` and `encrypt_into` are the AEAD's bound methods, so that the data path pays for no
    lookup. `header` holds the first eight bytes of every message (type, their index).
    """

    __slots__ = ("counter", "encrypt", "encrypt_into", "header", "remote_index")

    def __init__(self, key: bytes, remote_index: int) -> None:
        aead = ChaCha20Poly1305(key)
        self.encrypt, self.encrypt_into = aead.encrypt, aead.encrypt_into
        self.header = _HEADER.pack(_TRANSPORT_DATA, remote_index)
        self.remote_index = remote_index
        self.counter = 0


class OpeningKey:
    """The key of what is received, with the window of the counters seen."""

    __slots__ = ("decrypt", "decrypt_into", "window")

    def __init__(self, key: bytes) -> None:
        aead = ChaCha20Poly1305(key)
        self.decrypt, self.decrypt_into = aead.decrypt, aead.decrypt_into
        self.window = ReplayWindow()

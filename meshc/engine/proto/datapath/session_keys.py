"""A session's two transport keys: one that seals, one that opens (whitepaper 5.4.6).

For one packet each does its step as plainly as it goes: what a run does to many packets at once
must come to the same, this is its oracle.
"""

from __future__ import annotations

from struct import Struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from meshc.engine.proto.datapath.arena import Buffer
from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.offload import padded_length
from meshc.engine.proto.replay import ReplayWindow

_HEADER = Struct("<II")
_TRANSPORT_DATA = 4
_NONCE = Struct("<4xQ").pack
_COUNTER = Struct("<Q")
_PADDING = bytes(16)


class PortableSealingKey:
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

    def seal(self, packet: Buffer, mtu: int) -> bytes:
        """`SealingKey.seal`"""
        size = len(packet)
        padding = padded_length(size, mtu) - size
        if padding:
            packet = b"".join((packet, _PADDING[:padding]))
        counter = self.counter
        self.counter = counter + 1
        sealed = self.encrypt(_NONCE(counter), packet, None)
        return b"".join((self.header, _COUNTER.pack(counter), sealed))


class PortableOpeningKey:
    """The key of what is received, with the window of the counters seen."""

    __slots__ = ("decrypt", "decrypt_into", "window")

    def __init__(self, key: bytes) -> None:
        aead = ChaCha20Poly1305(key)
        self.decrypt, self.decrypt_into = aead.decrypt, aead.decrypt_into
        self.window = ReplayWindow()

    def open(self, datagram: Buffer) -> bytes | DropReason:
        """`OpeningKey.open`"""
        (counter,) = _COUNTER.unpack_from(datagram, 8)
        try:
            plain = self.decrypt(_NONCE(counter), datagram[16:], None)
        except InvalidTag:
            return DropReason.BAD_AEAD
        return plain if self.window.accept(counter) else DropReason.REPLAYED

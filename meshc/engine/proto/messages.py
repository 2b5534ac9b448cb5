"""The four messages on the wire (whitepaper 5.4), little-endian.

The type is a 32-bit word here: its upper three bytes are reserved and zero, and a message with
anything else in them is none of ours.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

INITIATION = 1
RESPONSE = 2
COOKIE_REPLY = 3
TRANSPORT = 4

INITIATION_LENGTH = 148
RESPONSE_LENGTH = 92
COOKIE_REPLY_LENGTH = 64
# header and tag around an empty packet: a keepalive
TRANSPORT_MIN_LENGTH = 32

_INITIATION = struct.Struct("<II32s48s28s16s16s")
_RESPONSE = struct.Struct("<III32s16s16s16s")
_COOKIE_REPLY = struct.Struct("<II24s32s")
_TRANSPORT_HEADER = struct.Struct("<IIQ")

_NO_MAC = bytes(16)


class MessageInitiation(NamedTuple):
    """5.4.2, first message: initiator to responder."""

    sender_index: int
    ephemeral: bytes
    static: bytes
    timestamp: bytes
    mac1: bytes = _NO_MAC
    mac2: bytes = _NO_MAC

    def pack(self) -> bytes:
        return _INITIATION.pack(INITIATION, *self)

    @classmethod
    def parse(cls, data: bytes) -> MessageInitiation | None:
        """None unless type and length are right."""
        if len(data) != INITIATION_LENGTH:
            return None
        kind, *fields = _INITIATION.unpack(data)
        return cls(*fields) if kind == INITIATION else None


class MessageResponse(NamedTuple):
    """5.4.3, second message: responder to initiator."""

    sender_index: int
    receiver_index: int
    ephemeral: bytes
    empty: bytes
    mac1: bytes = _NO_MAC
    mac2: bytes = _NO_MAC

    def pack(self) -> bytes:
        return _RESPONSE.pack(RESPONSE, *self)

    @classmethod
    def parse(cls, data: bytes) -> MessageResponse | None:
        """None unless type and length are right."""
        if len(data) != RESPONSE_LENGTH:
            return None
        kind, *fields = _RESPONSE.unpack(data)
        return cls(*fields) if kind == RESPONSE else None


class MessageCookieReply(NamedTuple):
    """5.4.7, from a receiver under load."""

    receiver_index: int
    nonce: bytes
    cookie: bytes

    def pack(self) -> bytes:
        return _COOKIE_REPLY.pack(COOKIE_REPLY, *self)

    @classmethod
    def parse(cls, data: bytes) -> MessageCookieReply | None:
        """None unless type and length are right."""
        if len(data) != COOKIE_REPLY_LENGTH:
            return None
        kind, *fields = _COOKIE_REPLY.unpack(data)
        return cls(*fields) if kind == COOKIE_REPLY else None


class TransportHeader(NamedTuple):
    """5.4.6, the sixteen bytes before the sealed packet."""

    receiver_index: int
    counter: int

    def pack(self) -> bytes:
        return _TRANSPORT_HEADER.pack(TRANSPORT, *self)

    @classmethod
    def parse(cls, data: bytes | bytearray | memoryview) -> TransportHeader | None:
        """None unless the type is right and a tag can follow."""
        if len(data) < TRANSPORT_MIN_LENGTH:
            return None
        kind, *fields = _TRANSPORT_HEADER.unpack_from(data)
        return cls(*fields) if kind == TRANSPORT else None

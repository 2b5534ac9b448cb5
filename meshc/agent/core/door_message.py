"""Door messages: what a new machine and the door of a relay say to each other, inside their tunnel.

Integers are big-endian; the header is `mD`, the version of the speaker and the kind:

    kind      body                                says
    1 Knock   the request                         here is who asks
    2 Wait    digest 8s                           the request with that digest is kept; nobody
                                                  has decided yet
    3 Offer   digest 8s, tag 8s, length u32       there is an answer to it, known by its tag
    4 Fetch   tag 8s, offset u32                  send that answer from there on
    5 Part    tag 8s, offset u32, bytes           a piece of it
    6 Done    tag 8s                              I have all of it

A digest and a tag are the first eight bytes of a SHA-256. What is too long, too short or of no
known kind is dropped: a peer never raises.
"""

from __future__ import annotations

import hashlib
import struct
from typing import NamedTuple

VERSION = 1
PART = 1000
"""Bytes of an answer in one message: with all headers it fits 1280."""
LONGEST = PART + 40
_HEADER = struct.Struct("!2sBB")
_MAGIC = b"mD"
_OFFER = struct.Struct("!8s8sI")
_FETCH = struct.Struct("!8sI")


class Knock(NamedTuple):
    """A request, for the controller: the door does not read it."""

    request: bytes


class Wait(NamedTuple):
    """Nobody has decided yet."""

    digest: bytes


class Offer(NamedTuple):
    """An answer to the request with that digest."""

    digest: bytes
    tag: bytes
    length: int


class Fetch(NamedTuple):
    """A wish for the answer with that tag, from `offset` on."""

    tag: bytes
    offset: int


class Part(NamedTuple):
    """A piece of an answer."""

    tag: bytes
    offset: int
    data: bytes


class Done(NamedTuple):
    """The answer has arrived whole."""

    tag: bytes


DoorMessage = Knock | Wait | Offer | Fetch | Part | Done


def short_hash(data: bytes) -> bytes:
    """How a request, or an answer, is called."""
    return hashlib.sha256(data).digest()[:8]


def encode_door(message: DoorMessage) -> bytes:
    match message:
        case Knock():
            kind, body = 1, message.request
        case Wait():
            kind, body = 2, message.digest
        case Offer():
            kind, body = 3, _OFFER.pack(*message)
        case Fetch():
            kind, body = 4, _FETCH.pack(*message)
        case Part():
            kind, body = 5, _FETCH.pack(message.tag, message.offset) + message.data
        case Done():
            kind, body = 6, message.tag
    return _HEADER.pack(_MAGIC, VERSION, kind) + body


def decode_door(data: bytes) -> DoorMessage | None:
    """None for what is no message that this version knows."""
    if not _HEADER.size < len(data) <= LONGEST:
        return None
    magic, version, kind = _HEADER.unpack_from(data)
    body = data[_HEADER.size :]
    if magic != _MAGIC or version < 1:
        return None
    try:
        return _read(kind, body)
    except struct.error:
        return None


def _read(kind: int, body: bytes) -> DoorMessage | None:
    match kind:
        case 1:
            return Knock(body)
        case 2:
            return Wait(*struct.unpack_from("!8s", body))
        case 3:
            return Offer(*_OFFER.unpack_from(body))
        case 4:
            return Fetch(*_FETCH.unpack_from(body))
        case 5:
            tag, offset = _FETCH.unpack_from(body)
            return Part(tag, offset, body[_FETCH.size :])
        case 6:
            return Done(*struct.unpack_from("!8s", body))
    return None

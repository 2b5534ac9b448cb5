"""Control messages: what agents say to each other, as bytes, inside the tunnels only.

A message is a UDP packet from one probe address to another; WireGuard's filter makes that address
who speaks, so that no message names its sender. Integers are big-endian; the header is `mA`, the
version of the speaker and the kind:

    kind      body                                     says
    1 Probe   counter u32, seq u32, home u64           I am here; (leaf) I live there since move seq
    2 Answer  counter u32, seq u32, home u64,          I heard you; what I know of your home;
              flags u8, n u8, n x u64                  draining; the relays that I can reach
    3 Move    seq u32                                  I want to live with you
    4 Taken   asked u32, known u32, accepted u8        you do (or not); the highest move that I know
    5 Homes   batch u32, n u8, n x (u64, u32)          these leaves live with me, since move seq
    6 Got     batch u32                                I have that batch

A later version may add fields at the end of a body, which an earlier one does not read, and kinds,
which it drops. What is too long, too short or of no known kind is dropped: a peer never raises.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

VERSION = 1
LONGEST = 1200
"""Bytes; fits the smallest MTU of IPv6 with its headers."""
MOST_RECORDS = 80
MOST_RELAYS = 64
_MAGIC = b"mA"
_HEADER = struct.Struct("!2sBB")
_PROBE = struct.Struct("!IIQ")
_ANSWER = struct.Struct("!IIQBB")
_MOVE = struct.Struct("!I")
_TAKEN = struct.Struct("!IIB")
_HOMES = struct.Struct("!IB")
_RECORD = struct.Struct("!QI")
_DRAINING = 1


class Probe(NamedTuple):
    """`counter` comes back in the answer. Of a leaf, `home` is the relay that carries it since its
    move `seq`; of a relay, `seq` tells one start of its agent from another."""

    counter: int
    seq: int
    home: int


class Answer(NamedTuple):
    """`seq` and `home` are what the relay knows of the asker; `hears` are the relays that are
    not dead to it; a relay that is `draining` wants no leaves."""

    counter: int
    seq: int
    home: int
    draining: bool = False
    hears: frozenset[int] = frozenset()


class Move(NamedTuple):
    """A leaf asks to live with whom it is sent to."""

    seq: int


class Taken(NamedTuple):
    """The answer to `Move(asked)`; `known` is the highest move of that leaf the relay knows of."""

    asked: int
    known: int
    accepted: bool


class Homes(NamedTuple):
    """`records` are (leaf, move) pairs of leaves that live with the sender."""

    batch: int
    records: tuple[tuple[int, int], ...]


class Got(NamedTuple):
    """A batch has arrived."""

    batch: int


Message = Probe | Answer | Move | Taken | Homes | Got


def encode(message: Message, version: int = VERSION) -> bytes:
    """The packet of a message."""
    kind, body = _body(message)
    return _HEADER.pack(_MAGIC, version, kind) + body


def decode(data: bytes) -> Message | None:
    """The message in a packet; None for what is none that this version knows."""
    if not _HEADER.size <= len(data) <= LONGEST:
        return None
    magic, version, kind = _HEADER.unpack_from(data)
    if magic != _MAGIC or version < 1:
        return None
    try:
        return _message(kind, data[_HEADER.size :])
    except struct.error:
        return None


def _body(message: Message) -> tuple[int, bytes]:
    match message:
        case Probe():
            return 1, _PROBE.pack(*message)
        case Answer():
            hears = sorted(message.hears)[:MOST_RELAYS]
            head = _ANSWER.pack(*message[:3], _DRAINING * message.draining, len(hears))
            return 2, head + b"".join(struct.pack("!Q", relay) for relay in hears)
        case Move():
            return 3, _MOVE.pack(*message)
        case Taken():
            return 4, _TAKEN.pack(*message)
        case Homes():
            records = message.records[:MOST_RECORDS]
            head = _HOMES.pack(message.batch, len(records))
            return 5, head + b"".join(_RECORD.pack(*record) for record in records)
        case Got():
            return 6, _MOVE.pack(*message)


def _message(kind: int, body: bytes) -> Message | None:
    match kind:
        case 1:
            return Probe(*_PROBE.unpack_from(body))
        case 2:
            counter, seq, home, flags, count = _ANSWER.unpack_from(body)
            wanted = struct.Struct(f"!{min(count, MOST_RELAYS)}Q")
            hears = frozenset(wanted.unpack_from(body, _ANSWER.size))
            return Answer(counter, seq, home, bool(flags & _DRAINING), hears)
        case 3:
            return Move(*_MOVE.unpack_from(body))
        case 4:
            asked, known, accepted = _TAKEN.unpack_from(body)
            return Taken(asked, known, bool(accepted))
        case 5:
            batch, count = _HOMES.unpack_from(body)
            places = range(_HOMES.size, _HOMES.size + count * _RECORD.size, _RECORD.size)
            return Homes(batch, tuple(_RECORD.unpack_from(body, at) for at in places))
        case 6:
            return Got(*_MOVE.unpack_from(body))
    return None

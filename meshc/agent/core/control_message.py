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
    7 Ask     flags u8, n u8, n x endpoint,            (leaf) I want a direct path to these; I am
              m u8, m x (u64, turn u8)                 at those addresses of my own network
    8 Meet    peer u64, turn u8, flags u8, endpoint,   (relay) both of you do: I see you there, and
              n u8, n x endpoint                       your peer may be reached here
    9 Direct  counter u32, heard u32, flags u8,        (leaf to leaf, over the direct path alone)
      Probe   wait u16                                 how far I am; in `wait` ms I move

An endpoint is an IPv6 address, that of IPv4 mapped, and a port.
A later version may add fields at the end of a body, which an earlier one does not read, and kinds,
which it drops. What is too long, too short or of no known kind is dropped: a peer never raises.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import NamedTuple

from meshc.wg.endpoint import Endpoint

VERSION = 1
LONGEST = 1200
"""Bytes; fits the smallest MTU of IPv6 with its headers."""
MOST_RECORDS = 80
MOST_RELAYS = 64
MOST_PARTNERS = 64
MOST_ENDPOINTS = 4
_MAGIC = b"mA"
_HEADER = struct.Struct("!2sBB")
_PROBE = struct.Struct("!IIQ")
_ANSWER = struct.Struct("!IIQBB")
_MOVE = struct.Struct("!I")
_TAKEN = struct.Struct("!IIB")
_HOMES = struct.Struct("!IB")
_RECORD = struct.Struct("!QI")
_MEET = struct.Struct("!QBB16sH")
_ENDPOINT = struct.Struct("!16sH")
_WISH = struct.Struct("!QB")
_REACH = struct.Struct("!IIBH")
_DRAINING = 1
_VARIES = 1
_MAPPED = 0xFFFF << 32


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


class Ask(NamedTuple):
    """`wishes` are (leaf, turn) pairs, the turn counting the attempts so far; the NAT `varies` that
    gives each peer another port; `near` are endpoints inside the speaker's own network."""

    wishes: tuple[tuple[int, int], ...]
    near: tuple[Endpoint, ...] = ()
    varies: bool = False


class Meet(NamedTuple):
    """Said to both of a pair at one moment. `mine` is where the relay sees the one that it is sent
    to, `at` where the peer may be reached, the best first; `varies` is said of the peer's NAT."""

    peer: int
    turn: int
    mine: Endpoint
    at: tuple[Endpoint, ...]
    varies: bool = False


class DirectProbe(NamedTuple):
    """`counter` is the sender's last probe, `heard` the last one that it has of the other; an
    answer is none itself. Flags: see `direct_path`."""

    counter: int
    heard: int
    flags: int
    wait: int = 0


Message = Probe | Answer | Move | Taken | Homes | Got | Ask | Meet | DirectProbe


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
        case Ask():
            wishes = message.wishes[:MOST_PARTNERS]
            head = bytes((_VARIES * message.varies,)) + _endpoints(message.near)
            return 7, head + bytes((len(wishes),)) + b"".join(_WISH.pack(*one) for one in wishes)
        case Meet():
            address, port = _packed(message.mine)
            flags = _VARIES * message.varies
            head = _MEET.pack(message.peer, message.turn, flags, address, port)
            return 8, head + _endpoints(message.at)
        case DirectProbe():
            return 9, _REACH.pack(*message)


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
        case 7:
            near, at = _read_endpoints(body, 1)
            flags, count = body[0], _byte(body, at)
            places = range(at + 1, at + 1 + count * _WISH.size, _WISH.size)
            wishes = tuple(_WISH.unpack_from(body, place) for place in places)
            return Ask(wishes, near, bool(flags & _VARIES))
        case 8:
            peer, turn, flags, address, port = _MEET.unpack_from(body)
            found, _ = _read_endpoints(body, _MEET.size)
            return Meet(peer, turn, _endpoint(address, port), found, bool(flags & _VARIES))
        case 9:
            return DirectProbe(*_REACH.unpack_from(body))
    return None


def _byte(body: bytes, at: int) -> int:
    (found,) = struct.unpack_from("!B", body, at)
    return int(found)


def _packed(endpoint: Endpoint) -> tuple[bytes, int]:
    address = ipaddress.ip_address(endpoint.host.partition("%")[0])
    number = int(address) | (_MAPPED if address.version == 4 else 0)
    return number.to_bytes(16, "big"), endpoint.port


def _endpoint(packed: bytes, port: int) -> Endpoint:
    address = ipaddress.IPv6Address(packed)
    return Endpoint(str(address.ipv4_mapped or address), port)


def _endpoints(some: tuple[Endpoint, ...]) -> bytes:
    some = some[:MOST_ENDPOINTS]
    return bytes((len(some),)) + b"".join(_ENDPOINT.pack(*_packed(one)) for one in some)


def _read_endpoints(body: bytes, at: int) -> tuple[tuple[Endpoint, ...], int]:
    """And where they end."""
    end = at + 1 + _byte(body, at) * _ENDPOINT.size
    places = range(at + 1, end, _ENDPOINT.size)
    return tuple(_endpoint(*_ENDPOINT.unpack_from(body, place)) for place in places), end

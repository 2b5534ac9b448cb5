"""The per-packet work as plain batch functions: seal, open, check the source.

Everything that is once per batch (peer, keypair, timers, counters) is the device's.
A packet is `bytes`; a datagram may be any buffer.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from cryptography.exceptions import InvalidTag

from meshc.engine.proto.constants import PADDING_MULTIPLE
from meshc.engine.proto.errors import DropReason
from meshc.engine.proto.keypair import Keypair

if TYPE_CHECKING:
    from meshc.engine.proto.allowedips import AllowedIPs

Owner = TypeVar("Owner")
Buffer = bytes | bytearray | memoryview

TRANSPORT_OVERHEAD = 32  # header 16, tag 16

_NONCE = struct.Struct("<4xQ").pack
_COUNTER = struct.Struct("<Q")


class Drops(Protocol):
    """Counts by reason."""

    def __getitem__(self, reason: DropReason) -> int: ...
    def __setitem__(self, reason: DropReason, count: int) -> None: ...


def seal(keypair: Keypair, packets: Sequence[Buffer], mtu: int) -> list[bytes]:
    """Inner packets -> transport data messages with consecutive counters, in order.

    Pads to 16 bytes, but never beyond `mtu` (0: no limit); an empty packet is a keepalive. The
    caller has checked that the counters do not run out.
    """
    counter = keypair.send_counter
    header = keypair.header
    encrypt = keypair.seal
    result = []
    for packet in packets:
        padding = -len(packet) % PADDING_MULTIPLE
        if padding:
            if mtu and len(packet) <= mtu:
                padding = min(padding, mtu - len(packet))
            packet = b"".join((packet, bytes(padding)))
        sealed = encrypt(_NONCE(counter), packet, None)
        result.append(b"".join((header, _COUNTER.pack(counter), sealed)))
        counter += 1
    keypair.send_counter = counter
    return result


def open_run(keypair: Keypair, datagrams: Sequence[Buffer], drops: Drops) -> list[bytes]:
    """Transport data messages of one session -> plaintexts (keepalives are empty), in order.

    What does not authenticate or was seen before is left out and counted in `drops`. Each
    datagram has at least 32 bytes and this session's receiver index.
    """
    decrypt = keypair.open
    replay = keypair.replay
    result = []
    for datagram in datagrams:
        (counter,) = _COUNTER.unpack_from(datagram, 8)
        if replay.seen(counter):
            drops[DropReason.REPLAYED] += 1
            continue
        try:
            plain = decrypt(_NONCE(counter), datagram[16:], None)
        except InvalidTag:
            drops[DropReason.BAD_AEAD] += 1
            continue
        if replay.accept(counter):
            result.append(plain)
        else:
            drops[DropReason.REPLAYED] += 1
    return result


def accept_sources(
    owner: Owner, packets: Sequence[bytes], allowed_ips: AllowedIPs[Owner], drops: Drops
) -> list[bytes]:
    """Plaintexts -> inner packets cut to their IP length whose source belongs to `owner`.

    Keepalives (empty) are left out silently, the rest is counted in `drops`.
    """
    result = []
    for packet in packets:
        if not packet:
            continue
        trimmed = trim(packet)
        if trimmed is None:
            drops[DropReason.INNER_MALFORMED] += 1
        elif allowed_ips.lookup(source_of(trimmed)) is not owner:
            drops[DropReason.INNER_SOURCE] += 1
        else:
            result.append(trimmed)
    return result


def trim(packet: bytes) -> bytes | None:
    """The packet without its padding; None unless it is a whole IPv4 or IPv6 packet."""
    size = len(packet)
    if size < 20:
        return None
    version = packet[0] >> 4
    if version == 4:
        length = packet[2] << 8 | packet[3]
        if length < 20 or length > size or length < (packet[0] & 15) * 4 or packet[0] & 15 < 5:
            return None
    elif version == 6:
        length = (packet[4] << 8 | packet[5]) + 40
        if length > size:
            return None
    else:
        return None
    return packet if length == size else packet[:length]


def source_of(packet: bytes) -> bytes:
    """Source address bytes of a packet that `trim` accepted."""
    return packet[12:16] if packet[0] >> 4 == 4 else packet[8:24]


def destination_of(packet: Buffer) -> bytes | None:
    """Destination address bytes; None when it is no IP packet."""
    size = len(packet)
    if size >= 20 and packet[0] >> 4 == 4:
        return bytes(packet[16:20])
    if size >= 40 and packet[0] >> 4 == 6:
        return bytes(packet[24:40])
    return None

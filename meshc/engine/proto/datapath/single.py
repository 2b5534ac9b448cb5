"""The data path for one packet: seal, open, check the source; each step as plainly as it goes.

What a run does to many packets at once must come to the same: this is its oracle.
"""

from __future__ import annotations

from struct import Struct
from typing import TypeVar

from cryptography.exceptions import InvalidTag

from meshc.engine.proto.allowedips import AllowedIPs
from meshc.engine.proto.datapath.arena import Buffer
from meshc.engine.proto.datapath.session_keys import OpeningKey, SealingKey
from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.offload import ip_length, padded_length

Owner = TypeVar("Owner")

_NONCE = Struct("<4xQ").pack
_COUNTER = Struct("<Q")
_PADDING = bytes(16)


def seal(key: SealingKey, packet: Buffer, mtu: int) -> bytes:
    """An inner packet -> transport data message; an empty packet is a keepalive.

    Pads to 16 bytes, but never beyond `mtu` (0: no limit). The caller has checked that the
    counters do not run out.
    """
    size = len(packet)
    padding = padded_length(size, mtu) - size
    if padding:
        packet = b"".join((packet, _PADDING[:padding]))
    counter = key.counter
    key.counter = counter + 1
    sealed = key.encrypt(_NONCE(counter), packet, None)
    return b"".join((key.header, _COUNTER.pack(counter), sealed))


def open_datagram(key: OpeningKey, datagram: Buffer) -> bytes | DropReason:
    """A transport data message -> plaintext (empty for a keepalive), or why it is refused.

    The datagram has at least 32 bytes and the receiver index of this session.
    """
    (counter,) = _COUNTER.unpack_from(datagram, 8)
    try:
        plain = key.decrypt(_NONCE(counter), datagram[16:], None)
    except InvalidTag:
        return DropReason.BAD_AEAD
    return plain if key.window.accept(counter) else DropReason.REPLAYED


def inner_length(packet: Buffer, routes: AllowedIPs[Owner], owner: Owner) -> int | DropReason:
    """How many bytes of a plaintext are an inner packet that `owner` may send, or why none."""
    length = ip_length(packet, len(packet))
    if not length:
        return DropReason.INNER_MALFORMED
    # written out rather than `source_of`: a lone packet's latency has no room for a call
    source = packet[12:16] if packet[0] >> 4 == 4 else packet[8:24]
    if routes.lookup(bytes(source)) is not owner:
        return DropReason.INNER_SOURCE
    return length


def source_of(packet: Buffer) -> bytes:
    """Source address bytes of an IP packet."""
    return bytes(packet[12:16] if packet[0] >> 4 == 4 else packet[8:24])


def destination_of(packet: Buffer) -> bytes | None:
    """Destination address bytes; None when it is no IP packet."""
    size = len(packet)
    if size >= 20 and packet[0] >> 4 == 4:
        return bytes(packet[16:20])
    if size >= 40 and packet[0] >> 4 == 6:
        return bytes(packet[24:40])
    return None

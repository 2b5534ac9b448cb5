"""One inner packet: its length, source and destination, each as plainly as it goes.

What `deliver` does to many at once must come to the same: this is its oracle.
"""

from __future__ import annotations

from typing import TypeVar

from meshc.engine.proto.allowedips import AllowedIPs
from meshc.engine.proto.datapath.arena import Buffer
from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.offload import ip_length

Owner = TypeVar("Owner")


def inner_length(packet: Buffer, routes: AllowedIPs[Owner], owner: Owner) -> int | DropReason:
    """How many bytes of a plaintext are an inner packet that `owner` may send, or why none."""
    length = ip_length(packet, len(packet))
    if not length:
        return DropReason.INNER_MALFORMED
    # written out rather than `source_of`: a lone packet's latency has no room for a call
    source = packet[12:16] if packet[0] >> 4 == 4 else packet[8:24]
    if routes.lookup(bytes(source)) is not owner and not routes.had(bytes(source), owner):
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

"""Reports of lanes: what they did since they were last asked, told to the sessions.

A report comes up to a moment after what it tells of. Times and order are kept, since the timers of
a peer live by them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter

from meshc.engine.io.lanes import Incoming, Outgoing
from meshc.engine.proto.device import Device
from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.peer import Peer

# in the order in which a lane counts them
_REFUSALS = (
    DropReason.BAD_AEAD,
    DropReason.REPLAYED,
    DropReason.INNER_MALFORMED,
    DropReason.INNER_SOURCE,
)


def account(device: Device, outgoing: Sequence[Outgoing], incoming: Sequence[Incoming]) -> None:
    """Tell what the lanes did, in the order in which they last did it: to the timers of a peer an
    answer is something else than a packet behind which there is none."""
    reports: list[tuple[float, Callable[[], None]]] = []
    answered: dict[Peer, float] = {}
    for going in outgoing:
        octets, at = going.lane.take_octets()
        if octets:
            answered[going.peer] = at
            reports.append((at, partial(_tell_sent, device, going, octets, at)))
    for coming in incoming:
        octets, at, data_at, *dropped = coming.lane.take_counts()
        for reason, number in zip(_REFUSALS, dropped, strict=True):
            device.drops[reason] += number
        if octets:
            # what was answered afterwards needs no keepalive
            waits = data_at > answered.get(coming.peer, 0.0)
            reports.append((at, partial(_tell_received, device, coming, octets, at, waits)))
    for _, tell in sorted(reports, key=itemgetter(0)):
        tell()


def _tell_sent(device: Device, known: Outgoing, octets: int, at: float) -> None:
    device.sessions.sent(known.peer, known.keypair, size=octets, now=at)
    known.peer.timers.data_sent(at)


def _tell_received(device: Device, known: Incoming, octets: int, at: float, waits: bool) -> None:
    peer, keypair, endpoint, *_ = known
    device.sessions.received(peer, keypair, endpoint, size=octets, has_data=waits, now=at)

"""A default route that leaves something out, written as the list of all the rest."""

from __future__ import annotations

from meshc.prefixes import BITS, Prefix, collapse, without
from meshc.wg.conf import PeerConf

_ALL = tuple(Prefix(family, 0, 0) for family in (4, 6))


def is_default(peer: PeerConf) -> bool:
    """Whether everything goes to the peer, in one piece or in several."""
    return any(prefix.length == 0 for prefix in collapse(peer.allowed_ips))


def left_out(peer: PeerConf) -> tuple[Prefix, ...]:
    """What a list that holds more than half of all addresses of a family leaves out; empty for
    every other peer. No LAN is that large."""
    result: list[Prefix] = []
    for whole in _ALL:
        mine = [p for p in collapse(peer.allowed_ips) if p.family == whole.family and p.length]
        if sum(1 << (BITS[p.family] - p.length) for p in mine) > 1 << (BITS[whole.family] - 1):
            result += without([whole], mine)
    return tuple(result)

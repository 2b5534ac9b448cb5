"""An own LAN in the way: addresses that a node sends to the LAN of its site, not into the tunnel.

Each is a warning of the checks, and waives what it warns of: what is lost there for this reason,
and no more, is what the topology asks for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from meshc.prefix_index import PrefixIndex
from meshc.prefixes import Prefix
from meshc.topology.language.spec import Spec
from meshc.values import dataclass


@dataclass(frozen=True, slots=True)
class OwnLan:
    """`site`'s LAN takes `lost`, a part of `wide`: of a pool (W213), or of item `index` of the
    routes of `router` (W219), for `relay` also in the packets of others (W217)."""

    code: str
    site: str
    lan: Prefix
    wide: Prefix
    router: str = ""
    index: int = 0
    relay: str = ""

    @property
    def lost(self) -> Prefix:
        return self.lan if self.wide.contains(self.lan) else self.wide


def own_lans(spec: Spec) -> Iterator[OwnLan]:
    """All of them: by router and route, then by site."""
    lans = PrefixIndex((lan, site.name) for site in spec.sites.values() for lan in site.lan)
    relays = defaultdict(list)
    for name, node in spec.nodes.items():
        if node.is_relay and node.site is not None:
            relays[node.site].append(name)
    for node in spec.nodes.values():
        for index, route in enumerate(node.routes):
            for lan, site in lans.overlapping(route):
                if site != node.site:
                    yield OwnLan("W219", site, lan, route, node.name, index)
                for relay in relays[site]:
                    if relay != node.name:
                        yield OwnLan("W217", site, lan, route, node.name, index, relay)
    for place in spec.sites.values():
        for lan in place.lan:
            for pool in spec.network.pools:
                if pool.overlaps(lan):
                    yield OwnLan("W213", place.name, lan, pool)


def waived(known: Iterable[OwnLan], site: str | None, address: Prefix) -> OwnLan | None:
    """The one that explains why a node of `site` sends `address` to its own LAN."""
    return next((one for one in known if one.site == site and one.lost.contains(address)), None)

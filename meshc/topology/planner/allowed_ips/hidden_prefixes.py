"""Hidden prefixes: what a node must not send into the tunnel, because it is beside it."""

from __future__ import annotations

from typing import NamedTuple

from meshc.prefix_index import PrefixIndex
from meshc.prefixes import Prefix
from meshc.topology.language.spec import NodeSpec, Spec
from meshc.topology.planner.allowed_ips.table_regions import Prefixes


class Hidden(NamedTuple):
    """What a node must not send into the tunnel: `lans` of its own site, with every part of them,
    wherever else that lies; and `own`, what it offers itself, or policies keep it away from. A part
    of that may be somebody else's: the more specific route wins, on the router as well."""

    lans: Prefixes
    own: Prefixes

    def hides(self, prefix: Prefix) -> bool:
        return prefix in self.own or any(lan.contains(prefix) for lan in self.lans)

    def matters(self, routed: PrefixIndex[int]) -> Hidden:
        """Those prefixes only that somebody's routes overlap."""
        lans, own = (tuple(p for p in some if routed.overlaps(p)) for some in self)
        return Hidden(lans, own)


def hidden_prefixes(spec: Spec, node: NodeSpec) -> Hidden:
    """What a node must not be sent into the tunnel for."""
    lan = spec.sites[node.site].lan if node.site in spec.sites and node.site else ()
    return Hidden(tuple(sorted(set(lan))), tuple(sorted(set(node.routes))))

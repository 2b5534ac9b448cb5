"""What relays, routers and exits must forward."""

from __future__ import annotations

from collections.abc import Sequence

from meshc.topology.language.spec import NodeSpec, Spec
from meshc.topology.planner.mesh_plan import Forwarding


def forwarding_of(spec: Spec, node: NodeSpec, mtus: Sequence[int]) -> Forwarding:
    """The forwarding facts of a node; `mtus` are those of the whole network.

    TCP's segment size is clamped where packets pass between links of different MTU: always
    towards a LAN or the internet, and between peers when their interfaces differ.
    """
    exit_ = node.exit_node
    if not (node.is_relay or node.routes or exit_):
        return Forwarding()
    families = {pool.family for pool in spec.network.pools}
    return Forwarding(
        families=tuple(sorted(families | {prefix.family for prefix in node.routes})),
        pools=tuple(sorted(spec.network.pools)),
        relay=node.is_relay,
        lans=tuple(sorted(node.routes)),
        masquerade=node.masquerade,
        exit=exit_,
        clamp_mss=exit_ or bool(node.routes) or len(set(mtus)) > 1,
    )

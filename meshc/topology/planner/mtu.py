"""The MTU of every interface: what the overhead of its links leaves.

A packet that is bounced must fit every relay on its way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshc.topology.language.spec import NodeSpec
from meshc.topology.planner.links.link import endpoint_for, is_fixed, is_public
from meshc.topology.planner.links.mesh_graph import MeshGraph
from meshc.topology.planner.routing.routing import DELIVER, Routing
from meshc.wg.overhead import TUNNEL_MTU, UNDERLAY_MTU


def node_mtus(routing: Routing) -> tuple[int, ...]:
    """The MTU of every node, by number: its own, lowered to that of the relays it is bounced by."""
    graph = routing.graph
    given = [graph.nodes[i].mtu or graph.spec.network.mtu for i in range(len(graph.nodes))]
    mtus = [g or base for g, base in zip(given, _bases(graph), strict=True)]
    if len({mtus[relay] for relay in graph.relays}) > 1 or _relay_is_lower(graph, mtus):
        _lower(routing, mtus, given)
    return tuple(mtus)


def _bases(graph: MeshGraph) -> list[int]:
    """What the largest overhead that a link of the node may have leaves."""
    kinds = [node.underlay for node in graph.nodes]
    lans = {
        node.site for node in graph.nodes if node.lan_endpoint and node.lan_endpoint.family != 4
    }
    v6_for = {u: [_may_be_v6(node, u) for node in graph.nodes] for u in set(kinds)}
    bases: list[int] = []
    for i, node in enumerate(graph.nodes):
        row = graph.neighbours[i]
        v6 = node.site in lans and node.site is not None
        v6 = v6 or any(map(v6_for[node.underlay].__getitem__, row))
        v6 = v6 or any(v6_for[u][i] for u in set(map(kinds.__getitem__, row)))
        bases.append(TUNNEL_MTU[6 if v6 else 4])
    return bases


def _may_be_v6(node: NodeSpec, caller_underlay: tuple[int, ...]) -> bool:
    """Whether a caller with these families may reach the node over IPv6."""
    if not (is_public(node) or is_fixed(node)):
        return False
    families = frozenset(node.underlay) & frozenset(caller_underlay)
    endpoint = endpoint_for(node.endpoints, families)
    return endpoint is not None and 6 in families and endpoint.family != 4


def _relay_is_lower(graph: MeshGraph, mtus: Sequence[int]) -> bool:
    lowest = min((mtus[relay] for relay in graph.relays), default=UNDERLAY_MTU)
    return any(mtu > lowest for mtu in mtus)


def _lower(routing: Routing, mtus: list[int], given: Sequence[int | None]) -> None:
    """Lowers automatic MTUs to those of the relays on the way, until nothing changes."""
    classes = range(len(routing.members))
    through = {c: _class_interior(routing, c) for c in classes if routing.attachments[c]}
    of_relay = {relay: _relay_interior(routing, relay) for relay in routing.graph.relays}
    changed = True
    while changed:
        changed = False
        for relay, interior in of_relay.items():
            low = min((mtus[i] for i in interior), default=mtus[relay])
            if given[relay] is None and low < mtus[relay]:
                mtus[relay] = low
                changed = True
    for class_, interior in through.items():
        low = min((mtus[i] for i in interior), default=UNDERLAY_MTU)
        for member in routing.members[class_]:
            bounces = len(routing.graph.neighbours[member]) < len(mtus) - 1
            if given[member] is None and bounces:
                mtus[member] = min(mtus[member], low)


def _class_interior(routing: Routing, class_: int) -> set[int]:
    """All relays that lie inside a path of a class."""
    interior: set[int] = set()
    for target in range(len(routing.members)):
        hop = routing.class_to_class(class_, target)
        if hop is not None:
            _follow(routing.class_tree(target).next_hop, hop, interior)
    for relay in routing.graph.relays:
        hop = routing.class_to_relay(class_, relay)
        if hop is not None and hop != relay:
            _follow(routing.relay_tree(relay).next_hop, hop, interior)
    return interior


def _relay_interior(routing: Routing, relay: int) -> set[int]:
    interior: set[int] = set()
    for target in range(len(routing.members)):
        hops = routing.class_tree(target).next_hop
        if hops.get(relay, DELIVER) != DELIVER:
            _follow(hops, hops[relay], interior)
    for other in routing.graph.relays:
        if other != relay:
            hops = routing.relay_tree(other).next_hop
            if hops.get(relay, other) != other:
                _follow(hops, hops[relay], interior)
    return interior


def _follow(next_hop: Mapping[int, int], start: int, interior: set[int]) -> None:
    """Adds the relays from `start` to the last one before the target."""
    at = start
    while at in next_hop:
        interior.add(at)
        at = next_hop[at]

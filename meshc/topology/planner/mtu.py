"""The MTU of every interface: what the overhead leaves of the ways to its neighbours.

A packet that is bounced must fit every relay on its way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshc.topology.planner.links.mesh_graph import MeshGraph
from meshc.topology.planner.routing.routing import DELIVER, Routing
from meshc.wg.overhead import OVERHEAD, UNDERLAY_MTU


def node_mtus(routing: Routing) -> tuple[int, ...]:
    """The MTU of every node, by number: its own, lowered to that of the relays it is bounced by."""
    graph = routing.graph
    given = [graph.nodes[i].mtu or graph.spec.network.mtu for i in range(len(graph.nodes))]
    mtus = [g or base for g, base in zip(given, _bases(graph), strict=True)]
    if len({mtus[relay] for relay in graph.relays}) > 1 or _relay_is_lower(graph, mtus):
        _lower(routing, mtus, given)
    return tuple(mtus)


def _bases(graph: MeshGraph) -> list[int]:
    """What the narrowest way to a neighbour leaves. The overhead is that of IPv6, which is what
    wg-quick(8) counts with, whatever the family: a name may mean either tomorrow."""
    ways = [node.uplink_mtu or UNDERLAY_MTU for node in graph.nodes]
    if len(set(ways)) > 1:
        rows = graph.neighbours
        ways = [
            min(way, min((ways[j] for j in rows[i]), default=way)) for i, way in enumerate(ways)
        ]
    return [way - OVERHEAD[6] for way in ways]


def _relay_is_lower(graph: MeshGraph, mtus: Sequence[int]) -> bool:
    lowest = min((mtus[relay] for relay in graph.relays), default=max(mtus))
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
        if not interior:
            continue
        low = min(mtus[i] for i in interior)
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

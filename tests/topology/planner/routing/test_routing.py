"""Unique shortest paths, against plain Dijkstra over all nodes."""

from __future__ import annotations

import heapq
from itertools import pairwise

from hypothesis import assume, given, settings

from meshc.diagnostics import Diagnostics
from meshc.topology.language.spec import Spec
from meshc.topology.planner.links.mesh_graph import MeshGraph, build_graph
from meshc.topology.planner.routing.relay_rank import global_rank, stable_hash
from meshc.topology.planner.routing.routing import Routing, build_routing
from tests.support import specs
from tests.support.networks import networks
from tests.support.specs import node

Cost = tuple[int, int, int, int, int, int]


def edge_cost(graph: MeshGraph, a: str, b: str) -> Cost:
    """Hops, `via` penalties of both ends, who is not at home, what the ends say about two relays,
    relay ranks and the hash of one link."""
    nodes = {n.name: n for n in graph.nodes}
    order = sorted((n for n in graph.nodes if n.is_relay), key=global_rank)
    rank = {n.name: i for i, n in enumerate(order)}
    penalty = 0
    for one, other in ((nodes[a], nodes[b]), (nodes[b], nodes[a])):
        if other.is_relay and one.via:
            listed = list(one.via)
            penalty += listed.index(other.name) if other.name in listed else len(listed)
    relays = sorted(name for name in (a, b) if name in rank)
    away, word = at_home(graph, *((b, a) if a in rank else (a, b)))
    return 1, penalty, away, word, sum(rank[n] for n in relays), stable_hash("link", *relays)


def at_home(graph: MeshGraph, leaf: str, relay: str) -> tuple[int, int]:
    """Whether a leaf's home is elsewhere, and what the leaf then says about the two relays."""
    node_ = next(n for n in graph.nodes if n.name == leaf)
    near = [name for name in graph.names if name != leaf and graph.linked(leaf, name)]
    near = [name for name in near if next(n for n in graph.nodes if n.name == name).is_relay]
    if node_.is_relay or relay not in near or len(near) == 1:
        return 0, 0
    listed = [name for name in node_.via if name in near]
    home = listed[0] if listed else max(near, key=lambda n: stable_hash("home", leaf, n))
    if home == relay:
        return 0, 0
    pair = sorted((home, relay))
    decides = pair[stable_hash("decides", *pair) % 2]
    return 1, 1 if decides == relay else 2 * (stable_hash("half", leaf) % 2)


def dijkstra(graph: MeshGraph, source: str) -> dict[str, tuple[Cost, tuple[str, ...]]]:
    """The cheapest path to every node; only relays are passed."""
    relays = {n.name for n in graph.nodes if n.is_relay}
    done: dict[str, tuple[Cost, tuple[str, ...]]] = {}
    queue: list[tuple[Cost, tuple[str, ...]]] = [((0, 0, 0, 0, 0, 0), (source,))]
    while queue:
        cost, path = heapq.heappop(queue)
        at = path[-1]
        if at in done:
            continue
        done[at] = cost, path
        if at != source and at not in relays:
            continue
        for other in (graph.names[i] for i in graph.neighbours[graph.number[at]]):
            if other not in done:
                step = edge_cost(graph, at, other)
                total = tuple(x + y for x, y in zip(cost, step, strict=True))
                heapq.heappush(queue, (total, (*path, other)))  # type: ignore[arg-type]
    return done


def routed(spec: Spec) -> tuple[MeshGraph, Routing]:
    graph = build_graph(spec, Diagnostics())
    return graph, build_routing(graph)


@settings(deadline=None)
@given(networks(most=12))
def test_paths_are_those_of_dijkstra(spec: Spec) -> None:
    graph, routing = routed(spec)
    for a in graph.names:
        slow = dijkstra(graph, a)
        for b in graph.names:
            assert (slow[b][1] if b in slow else None) == routing.path(a, b)


@settings(deadline=None)
@given(networks(most=12))
def test_the_way_back_is_the_reverse(spec: Spec) -> None:
    graph, routing = routed(spec)
    for a in graph.names:
        for b in graph.names:
            path = routing.path(a, b)
            assert path == (None if (back := routing.path(b, a)) is None else back[::-1])


@settings(deadline=None)
@given(networks(most=12))
def test_the_next_hop_depends_on_the_destination_alone(spec: Spec) -> None:
    graph, routing = routed(spec)
    for a in graph.names:
        for b in graph.names:
            path = routing.path(a, b) or ()
            for at, following in pairwise(path):
                assert following == routing.next_hop(at, b)


@settings(deadline=None)
@given(networks(most=12))
def test_only_relays_are_interior(spec: Spec) -> None:
    graph, routing = routed(spec)
    for a in graph.names:
        for b in graph.names:
            interior = (routing.path(a, b) or ())[1:-1]
            assert all(spec.nodes[name].is_relay for name in interior)


def test_via_decides_between_equal_relays() -> None:
    for first, second in (("r1", "r2"), ("r2", "r1")):
        spec = specs.spec(
            [
                node("r1", relay=True, endpoint="r1.example"),
                node("r2", relay=True, endpoint="r2.example"),
                node("a", via=(first, second)),
                node("b"),
            ]
        )
        assert routed(spec)[1].path("a", "b") == ("a", first, "b")


def test_a_long_chain_of_relays() -> None:
    relays = [
        node(
            f"r{i}",
            relay=True,
            endpoint=f"r{i}.example",
            direct=(f"r{i - 1}", f"r{i + 1}", "a", "b"),
        )
        for i in range(6)
    ]
    ends = [node("a", direct=("r0",)), node("b", direct=("r5",))]
    _, routing = routed(specs.spec([*relays, *ends]))
    assert routing.path("a", "b") == ("a", "r0", "r1", "r2", "r3", "r4", "r5", "b")


@settings(deadline=None)
@given(networks())
def test_leaves_of_one_class_are_routed_alike(spec: Spec) -> None:
    graph, routing = routed(spec)
    assume(any(len(members) > 1 for members in routing.members))
    for members in routing.members:
        for target in graph.names:
            hops = {
                routing.hop(m, graph.number[target])
                for m in members
                if not graph.adjacent(m, graph.number[target]) and graph.names[m] != target
            }
            assert len(hops) <= 1

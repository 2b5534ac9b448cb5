"""The links of a network, against a scan of every pair."""

from __future__ import annotations

from hypothesis import given, settings

from meshc.diagnostics import Diagnostics
from meshc.topology.language.spec import DirectMode, LinkSpec, Nat, NodeSpec, SiteSpec, Spec
from meshc.topology.planner.links.link import LinkReason, allows, directions
from meshc.topology.planner.links.mesh_graph import MeshGraph, build_graph
from meshc.topology.planner.routing.relay_rank import global_rank, stable_hash
from meshc.wg.endpoint import Endpoint
from tests.support import specs
from tests.support.networks import networks
from tests.support.specs import node


def neighbours(graph: MeshGraph, name: str) -> tuple[str, ...]:
    return tuple(graph.names[i] for i in graph.neighbours[graph.number[name]])


def permitted(graph: MeshGraph, a: NodeSpec, b: NodeSpec) -> bool:
    """Whether `direct` of `a` lets it use the pair: the definition, one node at a time."""
    if a.direct is not DirectMode.NONE:
        return allows(a, b)
    relays = [n for n in graph.nodes if usable(graph, a, n)]
    listed = [name for name in a.via if name in {n.name for n in relays}]
    if listed or not relays:
        return bool(listed) and listed[0] == b.name
    first = min(relays, key=global_rank)
    joined = [n for n in relays if n == first or usable(graph, first, n)]
    best = max(joined, key=lambda n: stable_hash("home", a.name, n.name))
    return b == (first if a.is_relay else best)


def usable(graph: MeshGraph, a: NodeSpec, b: NodeSpec) -> bool:
    """Whether `a` could have this one relay."""
    return (
        b.is_relay
        and b != a
        and allows(a, b)
        and allows(b, a)
        and directions(a, b) is not None
        and not forbidden(graph.spec, a, b)
    )


def forbidden(spec: Spec, a: NodeSpec, b: NodeSpec) -> bool:
    """What the last line of `links:` about the pair says."""
    found = [link.direct for link in spec.links if {link.a, link.b} == {a.name, b.name}]
    return bool(found) and found[-1] is False


def slow_links(graph: MeshGraph) -> set[tuple[str, str]]:
    pairs = set()
    for a in graph.nodes:
        for b in graph.nodes:
            if a.name >= b.name or directions(a, b) is None or forbidden(graph.spec, a, b):
                continue
            demanded = any(
                {link.a, link.b} == {a.name, b.name} and link.direct for link in graph.spec.links
            )
            # a node with `direct: none` has chosen its one relay; the relay only has to agree
            agreed = permitted(graph, a, b) and permitted(graph, b, a)
            if a.direct is DirectMode.NONE and b.direct is DirectMode.NONE:
                agreed = (permitted(graph, a, b) and allows(b, a)) or (
                    permitted(graph, b, a) and allows(a, b)
                )
            if demanded or agreed:
                pairs.add((a.name, b.name))
    return pairs


@settings(deadline=None)
@given(networks())
def test_links_are_those_of_a_scan_of_all_pairs(spec: Spec) -> None:
    graph = build_graph(spec, Diagnostics())
    assert slow_links(graph) == {(link.a, link.b) for link in graph.links()}
    assert graph.link_count() == len(list(graph.links()))


@settings(deadline=None)
@given(networks())
def test_a_link_is_seen_alike_from_both_ends(spec: Spec) -> None:
    graph = build_graph(spec, Diagnostics())
    for a in graph.names:
        for b in graph.names:
            there, back = graph.link(a, b), graph.link(b, a)
            assert (there is None) == (back is None)
            if there and back:
                assert there == back._replace(
                    a=a,
                    b=b,
                    to_a=back.to_b,
                    to_b=back.to_a,
                    keepalive_a=back.keepalive_b,
                    keepalive_b=back.keepalive_a,
                )


@settings(deadline=None)
@given(networks())
def test_one_side_can_start_and_one_that_cannot_be_called_keeps_alive(spec: Spec) -> None:
    for link in build_graph(spec, Diagnostics()).links():
        assert link.to_a or link.to_b
        if (link.to_a is None) != (link.to_b is None):
            assert (link.keepalive_a, link.keepalive_b).count(25) == 1
            assert (link.keepalive_a == 25) == (link.to_b is not None)
        elif link.reason is LinkReason.FIXED:
            assert (link.keepalive_a, link.keepalive_b) == (25, 25)
        else:
            assert (link.keepalive_a, link.keepalive_b) == (None, None)


@settings(deadline=None)
@given(networks())
def test_every_missing_link_has_a_reason(spec: Spec) -> None:
    graph = build_graph(spec, Diagnostics())
    for a in graph.names:
        for b in graph.names:
            if a != b and not graph.linked(a, b):
                assert len(graph.why_not(a, b)) > 10


def test_the_order_of_the_file_does_not_matter() -> None:
    members = [node("a", endpoint="a.example"), node("b"), node("c", endpoint="198.51.100.1")]
    assert specs.graph(specs.spec(members)) == specs.graph(specs.spec(members[::-1]))


def test_nat_to_nat_with_fixed_endpoints() -> None:
    graph = specs.graph(
        specs.spec(
            [
                node("a", endpoint="198.51.100.1:4001", nat=Nat.PORT_RESTRICTED),
                node("b", endpoint="203.0.113.9:4002", nat=Nat.RESTRICTED),
                node("c"),
            ]
        )
    )
    link = graph.link("a", "b")
    assert link is not None
    assert link.reason is LinkReason.FIXED
    assert link.to_b == Endpoint("203.0.113.9", 4002)
    assert (link.keepalive_a, link.keepalive_b) == (25, 25)
    assert neighbours(graph, "c") == ()


def test_the_lan_endpoint_wins_inside_a_site() -> None:
    graph = specs.graph(
        specs.spec(
            [
                node("server", site="home", endpoint="home.example", lan="192.168.1.10"),
                node("laptop", site="home"),
                node("roaming"),
            ],
            sites=[SiteSpec("home")],
        )
    )
    inside, outside = graph.link("laptop", "server"), graph.link("roaming", "server")
    assert inside is not None
    assert outside is not None
    assert inside.to_b == Endpoint("192.168.1.10", 0)
    assert outside.to_b == Endpoint("home.example", 51820)


def test_a_fixed_endpoint_is_no_use_inside_its_own_site() -> None:
    nat = Nat.PORT_RESTRICTED
    graph = specs.graph(
        specs.spec(
            [
                node("a", site="home", nat=nat, endpoint="203.0.113.1:4001", lan="192.168.1.1"),
                node("b", site="home", nat=nat, endpoint="203.0.113.1:4002"),
            ],
            sites=[SiteSpec("home")],
        )
    )
    link = graph.link("a", "b")
    assert link is not None
    assert (link.to_a, link.to_b) == (Endpoint("192.168.1.1", 0), None)
    assert (link.keepalive_a, link.keepalive_b) == (None, 25)


def test_each_side_gets_an_endpoint_in_a_family_that_it_speaks() -> None:
    graph = specs.graph(
        specs.spec(
            [
                node("hub", endpoint=["198.51.100.1:51820", "[2001:db8::1]:51820"]),
                node("v6only", underlay=(6,)),
                node("v4only", underlay=(4,)),
            ]
        )
    )
    assert str(graph.link("v6only", "hub").to_b) == "[2001:db8::1]:51820"  # type: ignore[union-attr]
    assert str(graph.link("v4only", "hub").to_b) == "198.51.100.1:51820"  # type: ignore[union-attr]


def test_direct_none_keeps_the_one_preferred_relay() -> None:
    graph = specs.graph(
        specs.spec(
            [
                node("r1", relay=True, endpoint="r1.example"),
                node("r2", relay=True, endpoint="r2.example"),
                node("phone", direct=DirectMode.NONE, via=("r2", "r1")),
                node("server", endpoint="s.example"),
            ]
        )
    )
    assert neighbours(graph, "phone") == ("r2",)


def test_an_impossible_demand_is_an_error_with_its_cause() -> None:
    found = Diagnostics()
    spec = specs.spec([node("a"), node("b")], links=[LinkSpec("a", "b", True)])
    build_graph(spec, found)
    assert [(d.code, d.message) for d in found] == [
        (
            "E201",
            "the direct link between a and b is impossible: a has no endpoint (it is behind a "
            "NAT), and b has no endpoint (it is behind a NAT)",
        )
    ]


def test_causes() -> None:
    hub = node("hub", endpoint="198.51.100.1")
    cases = [
        (node("x", underlay=(6,)), "hub speaks"),
        (node("x", direct=("other",)), "the direct list of x does not include hub"),
        (node("x", direct=DirectMode.RELAYS), "direct: relays of x does not include hub"),
    ]
    for other, cause in cases:
        plain = specs.spec([_underlay4(hub), other])
        assert cause in specs.graph(plain).why_not("x", "hub")
    links = [LinkSpec("hub", "x", False)]
    forbidden_graph = specs.graph(specs.spec([hub, node("x")], links=links))
    assert "links: forbids" in forbidden_graph.why_not("x", "hub")


def _underlay4(item: NodeSpec) -> NodeSpec:
    return node(item.name, endpoint="198.51.100.1", underlay=(4,))

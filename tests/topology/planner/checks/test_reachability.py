"""Pairs that cannot reach each other, with their cause, without a flood of lines."""

from __future__ import annotations

from hypothesis import given, settings

from meshc.diagnostics import Diagnostics
from meshc.topology.language.spec import DirectMode, Expect, LinkSpec, Spec, TestSpec
from meshc.topology.planner.checks.reachability import (
    _apart,
    _meant_apart,
    _Pairs,
    check_reachability,
)
from meshc.topology.planner.links.mesh_graph import build_graph
from meshc.topology.planner.routing.routing import build_routing
from tests.support import specs
from tests.support.findings import lines
from tests.support.networks import networks
from tests.support.specs import node

BEHIND = "has no endpoint (it is behind a NAT)"


@settings(deadline=None)
@given(networks(most=10))
def test_the_pairs_are_those_without_a_path(spec: Spec) -> None:
    routing = build_routing(build_graph(spec, Diagnostics()))
    graph = routing.graph
    expected = {
        (a, b)
        for a in range(len(graph.names))
        for b in range(a + 1, len(graph.names))
        if routing.path(graph.names[a], graph.names[b]) is None
    }
    groups = [_Pairs(graph, one, other, frozenset()) for one, other in _apart(routing)]
    pairs = [(min(p), max(p)) for group in groups for p in group]
    assert sorted(expected) == sorted(pairs)
    assert [group.count() for group in groups] == [len(list(group)) for group in groups]


def test_two_nodes_without_a_relay() -> None:
    assert lines(check_reachability, specs.spec([node("a"), node("b")])) == [
        f"20 E200 'a' and 'b' cannot reach each other: a {BEHIND}, and b {BEHIND}; and the network "
        "has no relay"
    ]


def test_ten_thousand_pairs_are_one_line() -> None:
    nodes = [node(f"n{i:03}") for i in range(150)]
    assert lines(check_reachability, specs.spec(nodes)) == [
        f"20 E200 'n000' and 'n001' cannot reach each other: n000 {BEHIND}, and n001 {BEHIND}; and "
        "the network has no relay (11174 more pairs like it: 'n000' and 'n002', 'n000' and 'n003', "
        "…)"
    ]


def test_a_node_that_may_not_use_the_relay() -> None:
    spec = specs.spec(
        [node("hub", relay=True, endpoint="hub.example"), node("a"), node("b", direct=())]
    )
    assert lines(check_reachability, spec) == [
        f"30 E200 'a' and 'b' cannot reach each other: a {BEHIND}, and b {BEHIND}; and 'b' has no "
        "relay (the direct list of b does not include hub) (1 more pair like it: 'b' and 'hub')"
    ]


def test_relays_that_are_not_linked() -> None:
    spec = specs.spec(
        [
            node("r1", relay=True, endpoint="r1.example"),
            node("r2", relay=True, endpoint="r2.example"),
            node("a", direct=("r1",)),
            node("b", direct=("r2",)),
        ],
        links=[LinkSpec("r1", "r2", False)],
    )
    assert lines(check_reachability, spec) == [
        f"40 E200 'a' and 'b' cannot reach each other: a {BEHIND}, and b {BEHIND}; and no link "
        "connects relay 'r1' with relay 'r2' (3 more pairs like it: 'a' and 'r2', 'b' and 'r1', …)"
    ]


def test_no_common_address_family() -> None:
    spec = specs.spec([node("a", endpoint="198.51.100.1", underlay=(4,)), node("b", underlay=(6,))])
    assert lines(check_reachability, spec) == [
        "20 E205 'a' and 'b' cannot reach each other: a speaks IPv4 to the internet and b IPv6, "
        f"and b {BEHIND}; and the network has no relay"
    ]


def test_pairs_that_a_test_expects_to_be_apart_are_no_finding() -> None:
    test = TestSpec(("a",), ("b",), Expect.UNREACHABLE)
    spec = specs.spec([node("a"), node("b")], tests=[test])
    assert lines(check_reachability, spec) == []
    assert _meant_apart(build_graph(spec, Diagnostics())) == {(0, 1)}


def test_many_groups_are_cut_short() -> None:
    relays = [
        node(f"r{i:02}", relay=True, endpoint=f"r{i}.example", direct=DirectMode.NONE)
        for i in range(12)
    ]
    links = [LinkSpec(a.name, b.name, False) for a in relays for b in relays if a.name < b.name]
    assert len(lines(check_reachability, specs.spec(relays, links=links))) == 20

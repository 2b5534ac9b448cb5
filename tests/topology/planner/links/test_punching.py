"""Which pairs of leaves may find a direct path by their agents, and why others may not."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest

from meshc.diagnostics import Diagnostics
from meshc.topology.language.spec import (
    DirectMode,
    LinkSpec,
    Nat,
    NodeSpec,
    Platform,
    PolicyEnd,
    PolicySpec,
    Service,
)
from meshc.topology.planner.links.mesh_graph import MeshGraph, build_graph
from meshc.topology.planner.links.punching import MOST
from tests.support import specs

HARD = {
    frozenset((Nat.SYMMETRIC,)),
    frozenset((Nat.SYMMETRIC, Nat.PORT_RESTRICTED)),
}


def leaf(name: str, nat: Nat = Nat.PORT_RESTRICTED, **more: object) -> NodeSpec:
    return specs.node(name, **{"nat": nat, "agent": True, **more})


def graph(*leaves: NodeSpec, relays: int = 2, **more: object) -> MeshGraph:
    found = [
        specs.node(f"r{i}", relay=True, endpoint=f"r{i}.example", agent=True) for i in range(relays)
    ]
    return build_graph(specs.spec([*found, *leaves], **more), Diagnostics())


def pairs(found: MeshGraph) -> set[tuple[str, str]]:
    rows = enumerate(found.partners)
    return {(found.names[i], found.names[j]) for i, row in rows for j in row if i < j}


def test_pairs_whose_nats_let_them_meet_are_partners() -> None:
    for one, other in combinations([*Nat, *Nat], 2):
        found = graph(leaf("a", one), leaf("b", other))
        assert bool(pairs(found)) == (frozenset((one, other)) not in HARD), (one, other)


def test_one_relay_is_enough_to_meet() -> None:
    found = graph(leaf("a"), leaf("b"), relays=1)
    assert pairs(found) == {("a", "b")}
    assert found.rigid == ""
    assert graph(leaf("a", Nat.SYMMETRIC), leaf("b"), relays=1).partners == ()


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (leaf("a", agent=False), leaf("b"), "a runs no agent"),
        (leaf("a", platform=Platform.IOS), leaf("b"), "a runs no agent"),
        (leaf("a", Nat.SYMMETRIC), leaf("b"), "the NAT of a gives every peer another port"),
        (leaf("a", direct=DirectMode.RELAYS), leaf("b"), "`direct` of a does not include b"),
        (leaf("a", underlay=(4,)), leaf("b", underlay=(6,)), "no address family in common"),
        (leaf("a", exit="b"), leaf("b", exit_node=True), "b is the exit of a"),
    ],
)
def test_others_are_told_why_not(one: NodeSpec, other: NodeSpec, why: str) -> None:
    found = graph(one, other, leaf("c"), leaf("d"))
    assert ("a", "b") not in pairs(found)
    assert why in found.why_not("a", "b")
    assert "their agents try" in found.why_not("c", "d")


def test_a_link_that_is_forbidden_is_not_found_by_agents() -> None:
    found = graph(leaf("a"), leaf("b"), leaf("c"), links=[LinkSpec("a", "b", direct=False)])
    assert pairs(found) == {("a", "c"), ("b", "c")}


def test_policies_say_who_may_be_made_direct() -> None:
    """A pair without a rule is never direct. One whose rules allow little is: receivers look."""
    few = PolicySpec(PolicyEnd(("a",)), PolicyEnd(("b",)), (Service("tcp", 22, 22),))
    relay = specs.node("r", relay=True, endpoint="r.example", agent=True)
    made = replace(specs.spec([relay, *map(leaf, "abc")]), policies=(few,))
    found = build_graph(made, Diagnostics())
    assert pairs(found) == {("a", "b")}
    assert "no rule of `policies:` allows anything between a and c" in found.why_not("a", "c")


def test_nodes_of_one_site_meet_inside_it() -> None:
    found = graph(
        leaf("a", Nat.SYMMETRIC, site="home"), leaf("b", Nat.SYMMETRIC, site="home"), leaf("c")
    )
    assert pairs(found) == {("a", "b")}


def test_a_pair_that_no_relay_sees_both_of_is_none() -> None:
    """An exit holds each of them at its own relay."""
    relays = [
        specs.node(f"r{i}", relay=True, endpoint=f"r{i}.example", agent=True, exit_node=True)
        for i in (1, 2)
    ]
    some = [leaf("a", exit="r1"), leaf("b", exit="r2"), leaf("c")]
    found = build_graph(specs.spec([*relays, *some]), Diagnostics())
    assert pairs(found) == {("a", "c"), ("b", "c")}


def test_a_router_whose_lan_holds_another_s_has_no_partners() -> None:
    found = graph(leaf("a", routes="10.0.0.0/8"), leaf("b", routes="10.1.0.0/16"), leaf("c"))
    assert pairs(found) == set()


def test_where_there_are_too_many_those_that_are_named_may_meet() -> None:
    many = [leaf(f"n{i}") for i in range(MOST + 1)]
    assert pairs(graph(*many)) == set()
    found = graph(*many, leaf("x", direct=("n1", "n2", "r0", "r1")))
    assert pairs(found) == {("n1", "x"), ("n2", "x")}
    assert max(map(len, graph(*many[:MOST]).partners)) == MOST - 1

"""The home of a leaf: everybody gets a share, and a change moves no more than its own."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest

from meshc.diagnostics import Diagnostics
from meshc.topology.language.spec import DirectMode
from meshc.topology.planner.links.mesh_graph import build_graph
from meshc.topology.planner.routing.home_relay import Home, home_of
from meshc.topology.planner.routing.routing import build_routing
from tests.support import specs
from tests.support.specs import node

LEAVES = [node(f"leaf{i}") for i in range(600)]


def homes(*relays: str) -> dict[str, str]:
    found = {leaf.name: home_of(leaf.name, (), relays) for leaf in LEAVES}
    return {name: home.relay for name, home in found.items() if home is not None}


def test_the_home_never_changes() -> None:
    """Another hash would move the traffic of every network that has several relays."""
    made = [home_of(leaf.name, (), ["east", "west", "north"]) for leaf in LEAVES[:6]]
    assert made == [
        Home("north", 1),
        Home("north", 1),
        Home("north", 0),
        Home("north", 0),
        Home("north", 0),
        Home("east", 1),
    ]


@pytest.mark.parametrize("count", [2, 3, 8])
def test_every_relay_is_home_to_its_share(count: int) -> None:
    found = Counter(homes(*(f"r{i}" for i in range(count))).values())
    assert len(found) == count
    assert all(0.75 < number * count / len(LEAVES) < 1.25 for number in found.values())


def test_another_relay_takes_its_share_and_moves_nobody_else() -> None:
    before, after = homes("r0", "r1", "r2"), homes("r0", "r1", "r2", "r3")
    moved = {name for name in before if before[name] != after[name]}
    assert {after[name] for name in moved} == {"r3"}
    assert 0.2 < len(moved) / len(LEAVES) < 0.3


def test_a_relay_that_goes_moves_its_own_leaves_only() -> None:
    before, after = homes("r0", "r1", "r2"), homes("r0", "r2")
    assert all(before[name] in ("r1", after[name]) for name in before)


def test_via_wins_where_it_can() -> None:
    via = ("far", "r2", "r1")
    assert (home_of("leaf", via, ["r0", "r1", "r2"]) or Home("", 0)).relay == "r2"
    assert (home_of("leaf", via, ["r0", "r1"]) or Home("", 0)).relay == "r1"
    assert home_of("leaf", via, ["r0", "r3"]) == home_of("leaf", (), ["r0", "r3"])
    assert home_of("leaf", via, []) is None


def test_the_half_may_be_that_of_another_leaf() -> None:
    for leaf in LEAVES[:20]:
        relays = ["r0", "r1"]
        own, other = home_of(leaf.name, (), relays), home_of("other", (), relays)
        assert own is not None
        assert other is not None
        assert home_of(leaf.name, (), relays, "other") == Home(own.relay, other.half)


@pytest.mark.parametrize("direct", [DirectMode.ALL, DirectMode.NONE])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_relays_carry_equal_shares_of_the_pairs(count: int, direct: DirectMode) -> None:
    """At e2c1e66 one relay carried all of them."""
    relays = [node(f"r{i}", relay=True, endpoint=f"r{i}.example") for i in range(count)]
    leaves = [node(f"leaf{i}", direct=direct) for i in range(150)]
    routing = build_routing(build_graph(specs.spec([*relays, *leaves]), Diagnostics()))
    carried: Counter[str] = Counter()
    for a, b in combinations(leaves, 2):
        path = routing.path(a.name, b.name)
        assert path is not None
        if direct is DirectMode.ALL:
            assert len(path) == 3, "one relay is enough"
        carried.update(path[1:-1])
    mean = sum(carried.values()) / count
    assert len(carried) == count
    assert all(0.7 < number / mean < 1.3 for number in carried.values()), carried


def test_a_pair_goes_through_the_home_of_one_of_its_ends() -> None:
    relays = [node(f"r{i}", relay=True, endpoint=f"r{i}.example") for i in range(5)]
    leaves = [node(f"leaf{i}") for i in range(40)]
    routing = build_routing(build_graph(specs.spec([*relays, *leaves]), Diagnostics()))
    at = {leaf.name: home_of(leaf.name, (), [r.name for r in relays]) for leaf in leaves}
    for a, b in combinations(at, 2):
        one, other = at[a], at[b]
        path = routing.path(a, b)
        assert one is not None
        assert other is not None
        assert path is not None
        assert path[1] in {one.relay, other.relay}

"""Leaves whose addresses are in one run have one home, however they came there."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from meshc.topology.language.spec import NodeSpec, Spec
from meshc.topology.planner.addressing.lock_text import Lock
from meshc.topology.planner.routing.home_relay import Home
from meshc.topology.planner.routing.leaf_homes import leaf_homes
from tests.support import specs
from tests.support.specs import node

POOLS = "10.44.0.0/16 fd44::/64"


def relays(count: int) -> list[NodeSpec]:
    return [node(f"r{i}", relay=True, endpoint=f"r{i}.example") for i in range(count)]


def leaves(count: int) -> list[NodeSpec]:
    return [node(f"leaf{i}") for i in range(count)]


def homes(spec: Spec, lock: Lock) -> dict[str, Home]:
    graph = specs.graph(spec)
    found = leaf_homes(graph, specs.allocation(spec, lock).addresses)
    return {name: home for name, home in zip(graph.names, found, strict=True) if home is not None}


def most_entries(spec: Spec, lock: Lock) -> int:
    """The longest list of IPv4 prefixes that a leaf has."""
    plan = specs.plan(spec, lock)
    return max(
        sum(p.family == 4 for peer in plan.nodes[name].peers for p in peer.allowed_ips)
        for name, found in plan.nodes.items()
        if not found.spec.is_relay
    )


def test_a_new_network_follows_the_names_alone() -> None:
    spec = specs.spec([*relays(3), *leaves(200)], pools=POOLS)
    graph = specs.graph(spec)
    by_name = leaf_homes(graph, {})
    assert by_name == leaf_homes(graph, specs.allocation(spec).addresses)
    assert len(set(by_name)) == 7  # relays have none, and six others


def test_another_build_changes_nothing() -> None:
    for pools in (POOLS, "10.44.0.0/24", "10.44.0.0/25", "10.44.0.0/26"):
        spec = specs.spec([*relays(3), *leaves(50)], pools=pools)
        first = specs.allocation(spec)
        lock = first.new_lock(Lock(), {})
        assert specs.allocation(spec, lock).addresses == first.addresses
        assert homes(spec, lock) == homes(spec, Lock())


def test_a_second_relay_takes_whole_runs() -> None:
    """Addresses are kept, so that a home for every name would be an entry for every name."""
    before = specs.spec([*relays(1), *leaves(160)], pools=POOLS)
    lock = specs.allocation(before).new_lock(Lock(), specs.keys(before))
    after = specs.spec([*relays(2), *leaves(160)], pools=POOLS)
    found = homes(after, lock)
    shares = Counter(home.relay for home in found.values())
    assert min(shares["r0"], shares["r1"]) > 40
    assert most_entries(after, lock) <= 12
    runs: dict[int, set[Home]] = {}
    for name, made in specs.allocation(after, lock).addresses.items():
        if name in found:
            runs.setdefault(made[0].value >> 4, set()).add(found[name])
    assert all(len(some) == 1 for some in runs.values())


def test_a_third_relay_takes_its_share_and_moves_nobody_else() -> None:
    spec = specs.spec([*relays(2), *leaves(400)], pools=POOLS)
    lock = specs.allocation(spec).new_lock(Lock(), specs.keys(spec))
    more = specs.spec([*relays(3), *leaves(400)], pools=POOLS)
    before, after = homes(spec, lock), homes(more, lock)
    moved = {name for name in before if before[name] != after[name]}
    assert {after[name].relay for name in moved} == {"r2"}
    assert 0.15 < len(moved) / len(before) < 0.5
    assert most_entries(more, lock) <= 24


def test_a_new_leaf_comes_to_a_run_of_its_home_and_moves_nobody() -> None:
    """Also where the runs are older than the relays, and hold names that disagree."""
    before = specs.spec([*relays(1), *leaves(100)], pools=POOLS)
    lock = specs.allocation(before).new_lock(Lock(), specs.keys(before))
    nodes = [*relays(3), *leaves(100)]
    for place in range(20):
        old = homes(specs.spec(nodes, pools=POOLS), lock)
        nodes.append(node(f"new{place}"))
        spec = specs.spec(nodes, pools=POOLS)
        new = homes(spec, lock)
        assert {name: new[name] for name in old} == old
        lock = specs.allocation(spec, lock).new_lock(lock, specs.keys(spec))
        assert homes(spec, lock) == new


def test_via_is_not_asked_for_others() -> None:
    fixed = [node(f"leaf{i}", address=f"10.44.0.{16 + i}") for i in range(4)]
    spec = specs.spec([*relays(2), *fixed], pools="10.44.0.0/24")
    found = homes(spec, Lock())
    assert len(set(found.values())) == 1
    other = {"r0": "r1", "r1": "r0"}[found["leaf0"].relay]
    nodes = {**spec.nodes, "leaf0": replace(spec.nodes["leaf0"], via=(other,))}
    after = homes(replace(spec, nodes=nodes), Lock())
    assert after["leaf0"].relay == other
    assert len({after[f"leaf{i}"] for i in range(1, 4)}) == 1

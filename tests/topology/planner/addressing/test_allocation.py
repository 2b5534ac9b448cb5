"""Addresses: stable, near each other, never taken from somebody, not reused in a hurry."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.diagnostics import Diagnostics
from meshc.prefixes import BITS, Prefix
from meshc.topology.language.spec import NodeSpec, Spec
from meshc.topology.planner.addressing.allocation import (
    Allocation,
    allocate,
    groups_of,
    reserved,
)
from meshc.topology.planner.addressing.lock_text import Lock, LockedNode, format_lock
from meshc.topology.planner.links.mesh_graph import build_graph
from tests.support import specs
from tests.support.networks import networks
from tests.support.specs import node

DUAL = "10.44.0.0/24 fd44::/64"


def text(made: Allocation) -> dict[str, str]:
    return {name: " ".join(p.address for p in found) for name, found in made.addresses.items()}


def grown(made: Allocation, lock: Lock, nodes: list[NodeSpec], pools: str) -> Allocation:
    """The next build, after the lock of the first was written."""
    return specs.allocation(specs.spec(nodes, pools=pools), made.new_lock(lock, {}))


@settings(deadline=None)
@given(networks(most=10))
def test_every_node_gets_one_usable_address_of_each_family(spec: Spec) -> None:
    made = specs.allocation(replace(spec, links=()))
    families = sorted({pool.family for pool in spec.network.pools})
    taken = [p for prefixes in made.addresses.values() for p in prefixes]
    assert len(set(taken)) == len(taken)
    for prefixes in made.addresses.values():
        assert families == [p.family for p in prefixes]
        for prefix in prefixes:
            pools = [pool for pool in spec.network.pools if pool.contains(prefix)]
            assert prefix.is_host
            assert [reserved(pool, prefix.value) for pool in pools] == [""]


@settings(deadline=None)
@given(networks(most=10), st.randoms(use_true_random=False))
def test_the_order_of_the_file_does_not_matter(spec: Spec, random: st.randoms) -> None:  # type: ignore[valid-type]
    names = list(spec.nodes)
    random.shuffle(names)  # type: ignore[attr-defined]
    turned = replace(spec, nodes={name: spec.nodes[name] for name in names}, links=())
    assert specs.allocation(replace(spec, links=())) == specs.allocation(turned)


@settings(deadline=None)
@given(networks(most=10), st.integers(0, 9))
def test_adding_and_removing_moves_nobody(spec: Spec, gone: int) -> None:
    spec = replace(spec, links=())
    first = specs.allocation(spec)
    lock = first.new_lock(Lock(), {})
    left = {n: v for i, (n, v) in enumerate(spec.nodes.items()) if i != gone % len(spec.nodes)}
    more = replace(spec, nodes=dict(sorted({**left, "zzz": NodeSpec(name="zzz")}.items())))
    second = specs.allocation(more, lock)
    for name in left:
        assert first.addresses[name] == second.addresses[name]
    old = {p for name in set(spec.nodes) - set(left) for p in first.addresses[name]}
    assert not old & set(second.addresses["zzz"])


def test_the_lock_of_the_same_input_is_the_same_text() -> None:
    spec = specs.spec([node(n) for n in "abc"], pools=DUAL)
    lock = specs.allocation(spec).new_lock(Lock(), specs.keys(spec))
    again = specs.allocation(spec, lock).new_lock(lock, specs.keys(spec))
    assert format_lock(lock) == format_lock(again)


def test_both_families_have_the_same_number() -> None:
    made = specs.allocation(specs.spec([node(n) for n in "abcdef"], pools=DUAL))
    for four, six in made.addresses.values():
        assert (
            four.value - Prefix.parse("10.44.0.0").value == six.value - Prefix.parse("fd44::").value
        )


def test_a_fixed_address_gives_the_other_family_its_number() -> None:
    made = specs.allocation(specs.spec([node("a", address="10.44.0.77")], pools=DUAL))
    assert text(made) == {"a": "10.44.0.77 fd44::4d"}


def test_relays_get_the_lowest_numbers() -> None:
    nodes = [node("a"), node("z", relay=True, endpoint="z.example")]
    assert text(specs.allocation(specs.spec(nodes)))["z"] == "10.44.0.1"


def test_small_networks_have_small_numbers() -> None:
    nodes = [node(f"n{i}") for i in range(15)]
    values = sorted(text(specs.allocation(specs.spec(nodes))).values())
    assert values == sorted(f"10.44.0.{i}" for i in range(1, 16))


def test_the_leaves_of_a_relay_are_neighbours() -> None:
    relays = [node(n, relay=True, endpoint=f"{n}.example") for n in ("east", "west")]
    leaves = [node(f"{n}{i}", via=(n,)) for n in ("east", "west") for i in range(12)]
    spec = specs.spec([*relays, *leaves], pools=DUAL)
    made = specs.allocation(spec)
    blocks: dict[str, set[int]] = {}
    for name, group in groups_of(specs.graph(spec), made.addresses).items():
        assert group.split()[0] == name.rstrip("0123456789")
        blocks.setdefault(group, set()).add(made.addresses[name][0].value >> 4)
    assert [len(found) for found in blocks.values()] == [1, 1, 1, 1]
    assert len(set.union(*blocks.values())) == 4


def test_a_returning_node_gets_its_address_back() -> None:
    nodes = [node("a"), node("b"), node("c")]
    first = specs.allocation(specs.spec(nodes))
    without = grown(first, Lock(), [nodes[0], nodes[2]], "10.44.0.0/24")
    lock = without.new_lock(first.new_lock(Lock(), {}), {})
    assert list(lock.removed) == ["b"]
    back = specs.allocation(specs.spec(nodes), lock)
    assert first.addresses == back.addresses
    assert dict(back.new_lock(lock, {}).removed) == {}


def test_when_the_pool_is_full_the_longest_gone_goes_first() -> None:
    """10.44.0.0/29 has six addresses."""
    lock = Lock()
    names = [f"n{i}" for i in range(6)]
    made = specs.allocation(specs.spec([node(n) for n in names], pools="10.44.0.0/29"))
    first = dict(made.addresses)
    for left in (names[1:], names[2:]):
        lock = made.new_lock(lock, {})
        made = specs.allocation(specs.spec([node(n) for n in left], pools="10.44.0.0/29"), lock)
    lock = made.new_lock(lock, {})
    assert [lock.removed[n].removed for n in ("n0", "n1")] == [1, 2]
    full = specs.spec([node(n) for n in [*names[2:], "new"]], pools="10.44.0.0/29")
    assert first["n0"] == specs.allocation(full, lock).addresses["new"]


def test_renaming_is_removing_one_and_adding_one() -> None:
    nodes = [node(f"n{i}") for i in range(5)]
    first = specs.allocation(specs.spec(nodes))
    renamed = grown(first, Lock(), [*nodes[:4], node("other")], "10.44.0.0/24")
    assert {n: first.addresses[n] for n in ("n0", "n1", "n2", "n3")} == {
        n: p for n, p in renamed.addresses.items() if n != "other"
    }
    assert renamed.addresses["other"] != first.addresses["n4"]


def test_a_second_pool_takes_over_when_the_first_is_full() -> None:
    nodes = [node(f"n{i}") for i in range(8)]
    made = specs.allocation(specs.spec(nodes, pools="10.44.0.0/29 10.55.0.0/29"))
    pools = [
        p.value >> 24 & 0xFF == 10 and p.value >> 16 & 0xFF for (p,) in made.addresses.values()
    ]
    assert (pools.count(44), pools.count(55)) == (6, 2)


def test_a_full_pool_is_an_error() -> None:
    spec = specs.spec([node(f"n{i}") for i in range(3)], pools="10.44.0.0/30")
    found = Diagnostics()
    allocate(spec, build_graph(spec, found), Lock(), found)
    assert [(d.code, d.message, d.location and d.location.line) for d in found] == [
        ("E305", "no IPv4 address is left for 'n2' in 10.44.0.0/30", 30)
    ]


def test_a_fixed_address_that_the_lock_gave_to_another() -> None:
    lock = Lock("test", 1, {"b": LockedNode((Prefix.host("10.44.0.9"),))})
    spec = specs.spec([node("a", address="10.44.0.9"), node("b")])
    found = Diagnostics()
    made = allocate(spec, build_graph(spec, found), lock, found)
    assert [(d.code, d.message, d.location and d.location.line) for d in found] == [
        ("E304", "a fixes the address 10.44.0.9, which the lock keeps for b", 11)
    ]
    assert made.addresses["a"] != made.addresses["b"]


def test_a_locked_address_outside_the_pools() -> None:
    lock = Lock("test", 1, {"a": LockedNode((Prefix.host("10.9.0.9"),))})
    spec = specs.spec([node("a")])
    found = Diagnostics()
    made = allocate(spec, build_graph(spec, found), lock, found)
    assert [(d.code, d.message) for d in found] == [
        ("W303", "outside of the pools now: a (10.9.0.9); it gets a new address")
    ]
    assert text(made)["a"].startswith("10.44.0.")


def test_a_large_network_fills_chunks_one_after_the_other() -> None:
    """A relay must list addresses exactly: few entries for many leaves."""
    relays = [node(n, relay=True, endpoint=f"{n}.example") for n in ("east", "west")]
    leaves = [node(f"{n}{i:03}", direct=(n,)) for n in ("east", "west") for i in range(300)]
    spec = specs.spec([*relays, *leaves], pools="10.44.0.0/16")
    east = next(p for p in specs.plan(spec).nodes["east"].peers if p.name == "west")
    assert len(east.allowed_ips) <= 12
    assert sum(1 << (BITS[4] - p.length) for p in east.allowed_ips) == 301

"""Plain tables: the same as by the general way, in any network, and prefixes apart or beside."""

from __future__ import annotations

import random

from hypothesis import given, settings

from meshc.diagnostics import Diagnostics
from meshc.prefixes import Prefix
from meshc.topology.language.spec import Nat, Spec
from meshc.topology.planner.addressing.allocation import allocate
from meshc.topology.planner.addressing.lock_text import Lock
from meshc.topology.planner.allowed_ips.minimal_table import Region, minimal_table
from meshc.topology.planner.allowed_ips.peer_prefixes import PeerTables
from meshc.topology.planner.allowed_ips.plain_tables import PlainTables, Wishes, plain_tables
from meshc.topology.planner.allowed_ips.table_regions import PeerBits, Table
from meshc.topology.planner.links.mesh_graph import build_graph
from meshc.topology.planner.routing.routing import build_routing
from tests.support import specs
from tests.support.networks import networks
from tests.support.specs import node

POOL = Prefix.parse("10.0.0.0/24")


def prefixes(*texts: str) -> tuple[Prefix, ...]:
    return tuple(map(Prefix.parse, texts))


def both_ways(spec: Spec) -> tuple[PeerTables, PeerTables]:
    graph = build_graph(spec, Diagnostics())
    allocation = allocate(spec, graph, Lock(), Diagnostics())
    routing = build_routing(graph, allocation.addresses)
    short, long = PeerTables(routing, allocation), PeerTables(routing, allocation)
    long._plain = None
    return short, long


def assert_same(spec: Spec) -> None:
    short, long = both_ways(spec)
    for viewer in range(len(spec.nodes)):
        assert short.special(viewer) == long.special(viewer)


@settings(deadline=None)
@given(networks(most=10))
def test_every_table_is_that_of_the_general_way(spec: Spec) -> None:
    assert_same(spec)


def test_lans_side_by_side_on_many_relays() -> None:
    """Where a router leaves out its own LAN, those beside it need other entries."""
    relays = [node(f"r{i}", relay=True, endpoint=f"192.0.2.{i + 1}") for i in range(4)]
    leaves = [
        node(
            f"leaf{i:02}",
            nat=Nat.SYMMETRIC,
            via=(f"r{i % 4}", f"r{(i * 7 + 1) % 4}"),
            routes=f"172.16.{i}.0/24" if i % 3 else "",
        )
        for i in range(24)
    ]
    spec = specs.spec([*relays, *leaves])
    short, _ = both_ways(spec)
    assert short._plain is not None
    assert any(len(group) > 1 for group in short._plain.groups)
    assert_same(spec)


def solved(tables: PlainTables, wishes: Wishes, without: frozenset[Prefix]) -> Table:
    """By the general constructor, all regions at once."""
    regions = {pool: Region(pool, wishes.peers.relays, wishes.home) for pool in tables.pools}
    for prefix, owner in tables.outside.items():
        if prefix not in without:
            regions[prefix] = Region(prefix, wishes.masks[owner])
    found = minimal_table(regions.values())
    return {peer: found.get(wishes.peers.of(peer), ()) for peer in wishes.peers}


def test_a_table_gets_lighter_as_if_the_prefix_had_never_been() -> None:
    own = [prefixes(f"10.0.1.{16 * i}/28") for i in range(16)]
    tables = plain_tables((POOL,), [*own, prefixes("172.16.0.0/16")])
    assert tables is not None
    peers = PeerBits([0, 1], -1)
    wishes = Wishes(peers, [2, 2, 2, 2, 4, 4, 4, 4, 2, 2, 4, 4, 2, 2, 2, 2, 4], 2, {})
    whole = tables.table(wishes, frozenset())
    for gone in [*(own[i] for i in (0, 5, 8, 15)), prefixes("172.16.0.0/16")]:
        expected = solved(tables, wishes, frozenset(gone))
        assert tables.lighter(whole, wishes, frozenset(gone)) == expected
        assert tables.table(wishes, frozenset(gone)) == expected


def test_many_prefixes_go_one_by_one_and_together() -> None:
    rng = random.Random(1)
    for _ in range(20):
        own = [prefixes(f"172.16.{i}.0/24") for i in range(40) if rng.random() < 0.8]
        own += [prefixes(f"192.168.1.{16 * i}/28") for i in range(16)]
        tables = plain_tables((POOL,), own)
        assert tables is not None
        peers = PeerBits([0, 1], -1)
        wishes = Wishes(peers, [rng.choice((2, 2, 2, 4)) for _ in own], 2, {})
        whole = tables.table(wishes, frozenset())
        for _ in range(12):
            gone = frozenset(p for some in rng.sample(own, rng.randint(1, 3)) for p in some)
            assert tables.lighter(whole, wishes, gone) == solved(tables, wishes, gone)


def test_one_prefix_inside_another_is_nothing_plain() -> None:
    assert plain_tables((POOL,), [prefixes("10.0.0.1/32", "172.16.0.0/16")]) is not None
    assert plain_tables((POOL,), [prefixes("172.16.0.0/16"), prefixes("172.16.1.0/24")]) is None
    assert plain_tables((POOL,), [prefixes("10.0.0.1/32"), prefixes("10.0.0.1/32")]) is None
    assert plain_tables((POOL,), [prefixes("10.0.0.0/16")]) is None

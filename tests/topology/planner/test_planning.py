"""The plan of whole networks: who lists whom with what, and what a change touches."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from meshc.diagnostics import Diagnostics
from meshc.errors import Refused
from meshc.prefixes import BITS, Prefix
from meshc.topology.language.spec import DirectMode, LinkSpec, Nat, NodeSpec, SiteSpec, Spec
from meshc.topology.planner.addressing.allocation import allocate
from meshc.topology.planner.addressing.lock_text import Lock
from meshc.topology.planner.links.mesh_graph import build_graph
from meshc.topology.planner.mesh_plan import MeshPlan
from meshc.topology.planner.planning import plan_mesh
from meshc.topology.planner.routing.routing import build_routing
from tests.support import specs
from tests.support.networks import networks
from tests.support.specs import node


def sections(plan: MeshPlan, name: str) -> dict[str, tuple[str, ...]]:
    return {p.name: tuple(map(str, p.allowed_ips)) for p in plan.nodes[name].peers}


def docs_network() -> Spec:
    """The main example of wireguard-docs."""
    server = "public-server{}.example-vpn.dev"
    return specs.spec(
        [
            node("public-server1", relay=True, endpoint=server.format(1), address="10.44.0.1"),
            node("public-server2", endpoint=server.format(2), address="10.44.0.2"),
            node("home-server", site="home", lan="192.168.1.10", address="10.44.0.3"),
            node("laptop", site="home", address="10.44.0.4"),
            node("phone", nat=Nat.SYMMETRIC, address="10.44.0.5"),
        ],
        sites=[SiteSpec("home")],
    )


def test_the_relay_lists_everybody_and_leaves_have_the_catch_all() -> None:
    plan = specs.plan(docs_network())
    assert sections(plan, "public-server1") == {
        "home-server": ("10.44.0.3/32",),
        "laptop": ("10.44.0.4/32",),
        "phone": ("10.44.0.5/32",),
        "public-server2": ("10.44.0.2/32",),
    }
    assert sections(plan, "phone") == {
        "public-server1": ("10.44.0.0/24",),
        "public-server2": ("10.44.0.2/32",),
    }
    assert sections(plan, "laptop") == {
        "home-server": ("10.44.0.3/32",),
        "public-server1": ("10.44.0.0/24",),
        "public-server2": ("10.44.0.2/32",),
    }


def test_endpoints_and_keepalives_are_on_the_right_side() -> None:
    plan = specs.plan(docs_network())

    def sides(name: str) -> dict[str, tuple[bool, int | None]]:
        return {p.name: (p.endpoint is not None, p.keepalive) for p in plan.nodes[name].peers}

    assert sides("phone") == {"public-server1": (True, 25), "public-server2": (True, 25)}
    assert sides("public-server1") == {
        "home-server": (False, None),
        "laptop": (False, None),
        "phone": (False, None),
        "public-server2": (True, None),
    }


def test_a_lan_endpoint_gets_the_port_that_was_allocated() -> None:
    plan = specs.plan(docs_network())
    server = next(p for p in plan.nodes["laptop"].peers if p.name == "home-server")
    assert str(server.endpoint) == "192.168.1.10:51820"
    assert plan.nodes["home-server"].listen_port == 51820
    assert plan.nodes["laptop"].listen_port is None


def test_addresses_are_hosts_everywhere() -> None:
    for item in specs.plan(docs_network()).nodes.values():
        assert [a.length for a in item.addresses] == [32]


def test_a_link_may_have_its_own_keepalive_and_no_preshared_key() -> None:
    spec = specs.spec(
        [node("a", endpoint="a.example"), node("b"), node("c"), node("d", keepalive=0)],
        links=[LinkSpec("b", "a", keepalive=7), LinkSpec("a", "c", preshared_key=False)],
    )
    plan = specs.plan(spec)
    found = {name: plan.nodes[name].peers[0] for name in ("b", "c", "d")}
    assert {n: (p.keepalive, p.preshared) for n, p in found.items()} == {
        "b": (7, True),
        "c": (25, False),
        "d": (None, True),
    }
    assert [p.preshared for p in plan.nodes["a"].peers] == [True, False, True]


def test_somebody_elses_peer_has_no_preshared_key() -> None:
    partner = node("partner", endpoint="p.example", managed=False)
    plan = specs.plan(specs.spec([partner, node("a")]))
    assert [(p.name, p.preshared) for p in plan.nodes["a"].peers] == [("partner", False)]
    assert "partner" in plan.nodes


def test_a_node_without_a_public_key_is_refused() -> None:
    spec = specs.spec([node("a"), node("b", endpoint="b.example")])
    allocation = specs.allocation(spec)
    with pytest.raises(Refused, match="E352 b has no public key"):
        plan_mesh(spec, specs.graph(spec), allocation, {"a": specs.key("a")}, 1, Diagnostics())


def test_equal_sections_are_one_object() -> None:
    nodes = [node(f"n{i}", endpoint=f"198.51.100.{i + 1}") for i in range(6)]
    plan = specs.plan(specs.spec(nodes))
    seen = {id(p) for n in ("n0", "n1") for p in plan.nodes[n].peers if p.name == "n5"}
    assert len(seen) == 1


def test_the_order_of_the_file_does_not_matter() -> None:
    spec = docs_network()
    turned = replace(spec, nodes=dict(reversed(spec.nodes.items())))
    one, other = specs.plan(spec), specs.plan(turned)
    assert list(one.nodes.items()) == list(other.nodes.items())


def changed(before: MeshPlan, after: MeshPlan) -> set[str]:
    """The nodes whose configuration is not what it was."""
    return {
        name
        for name in {*before.nodes, *after.nodes}
        if name not in before.nodes or before.nodes[name] != after.nodes.get(name)
    }


def grow(nodes: list[NodeSpec], *new: NodeSpec) -> set[str]:
    """Builds, writes the lock, adds nodes, builds again: what has changed?"""
    pools = "10.44.0.0/20 fd44::/64"
    spec = specs.spec(nodes, pools=pools)
    lock = specs.allocation(spec).new_lock(Lock(), specs.keys(spec))
    return changed(specs.plan(spec), specs.plan(specs.spec([*nodes, *new], pools=pools), lock))


def relay(name: str) -> NodeSpec:
    return node(name, relay=True, endpoint=f"{name}.example")


def test_a_leaf_behind_the_relay_touches_the_relay_only() -> None:
    nodes = [relay("hub"), *(node(f"leaf{i}") for i in range(5))]
    assert grow(nodes, node("new")) == {"hub", "new"}


@pytest.mark.parametrize("home", ["east", "west"])
def test_a_leaf_behind_one_of_two_relays_touches_the_relays_only(home: str) -> None:
    leaves = [node(f"{n}{i}", via=(n,)) for n in ("east", "west") for i in range(5)]
    nodes = [relay("east"), relay("west"), *leaves]
    assert grow(nodes, node("new", via=(home,))) == {"east", "west", "new"}


@pytest.mark.parametrize("home", ["east", "west"])
def test_a_leaf_of_one_relay_alone_touches_the_relays_only(home: str) -> None:
    leaves = [node(f"{n}{i}", direct=(n,)) for n in ("east", "west") for i in range(5)]
    nodes = [relay("east"), relay("west"), *leaves, node("both")]
    assert grow(nodes, node("new", direct=(home,))) == {"east", "west", "new"}


def test_no_leaf_is_touched_until_a_block_is_full() -> None:
    """Blocks of a /24 have 16 numbers; the first is taken last, because entries begin at it."""
    pools = "10.44.0.0/24 fd44::/120"
    nodes = [relay("east"), relay("west"), node("both", via=("east",))]
    nodes.append(node("w0", direct=("west",)))
    spec = specs.spec(nodes, pools=pools)
    lock = specs.allocation(spec).new_lock(Lock(), specs.keys(spec))
    for number in range(1, 16):
        before = specs.plan(spec, lock)
        nodes.append(node(f"w{number}", direct=("west",)))
        spec = specs.spec(nodes, pools=pools)
        after = specs.plan(spec, lock)
        lock = specs.allocation(spec, lock).new_lock(lock, specs.keys(spec))
        touched = {"both"} if number == 15 else set()
        assert changed(before, after) == {"east", "west", f"w{number}"} | touched


@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_leaf_of_several_relays_touches_the_relays_only(count: int) -> None:
    """Nobody says `via`: the hash of the name gives every leaf its home."""
    nodes = [*(relay(f"r{i}") for i in range(count)), *(node(f"leaf{i}") for i in range(40))]
    for place in range(8):
        new = f"new{place}"
        assert grow(nodes, node(new)) == {*(f"r{i}" for i in range(count)), new}


@pytest.mark.parametrize("via", ["", "r1", "r2"])
def test_the_catch_all_stays_where_most_destinations_are_elsewhere(via: str) -> None:
    pool = "10.44.0.0/20"
    found = set()
    for few, many in ((2, 3), (6, 3)):
        nodes = [
            relay("r1"),
            relay("r2"),
            *(node(f"a{i}", direct=("r1",)) for i in range(many)),
            *(node(f"b{i}", direct=("r2",)) for i in range(few)),
            node("between", direct=DirectMode.RELAYS, via=(via,) if via else ()),
        ]
        table = sections(specs.plan(specs.spec(nodes, pools=pool)), "between")
        found |= {peer for peer, prefixes in table.items() if pool in prefixes}
    assert found == {via or "r2"}


def test_a_leaf_of_a_site_touches_its_lan_neighbours_as_well() -> None:
    nodes = [
        relay("hub"),
        node("nas", site="home", lan="192.168.1.5"),
        node("pc", site="home"),
        node("away"),
    ]
    assert grow(nodes, node("new", site="home")) == {"hub", "nas", "new"}


def test_a_public_server_touches_all_that_call_it() -> None:
    nodes = [relay("hub"), node("a"), node("phone", direct=DirectMode.RELAYS)]
    assert grow(nodes, node("new", endpoint="new.example")) == {"hub", "a", "new"}


@settings(deadline=None)
@given(networks(most=10))
def test_packets_arrive_and_their_source_is_accepted_at_every_hop(spec: Spec) -> None:
    """Walks the plan itself: the longest match of the destination picks the peer on the way, the
    longest match of the source must be the peer that the packet came from."""
    found = Diagnostics()
    graph = build_graph(spec, found)
    allocation = allocate(spec, graph, Lock(), found)
    routing = build_routing(graph, allocation.addresses)
    plan = plan_mesh(spec, graph, allocation, specs.keys(spec), 1, Diagnostics())
    for a in graph.names:
        for b in graph.names:
            path = routing.path(a, b)
            if path is not None and a != b:
                for source, target in zip(
                    allocation.addresses[a], allocation.addresses[b], strict=True
                ):
                    assert path == walk(plan, a, source, target)


def walk(plan: MeshPlan, start: str, source: Prefix, target: Prefix) -> tuple[str, ...]:
    at, path = start, [start]
    while target not in {
        Prefix(a.family, a.value, BITS[a.family]) for a in plan.nodes[at].addresses
    }:
        following = lookup(plan, at, target)
        assert lookup(plan, following, source) == at, "the receiver drops the packet"
        at = following
        path.append(at)
        assert len(path) <= len(plan.nodes), "a loop"
    return tuple(path)


def lookup(plan: MeshPlan, at: str, address: Prefix) -> str:
    matches = [
        (prefix.length, peer.name)
        for peer in plan.nodes[at].peers
        for prefix in peer.allowed_ips
        if prefix.contains(address)
    ]
    assert matches, f"{at} has no peer for {address}"
    return max(matches)[1]

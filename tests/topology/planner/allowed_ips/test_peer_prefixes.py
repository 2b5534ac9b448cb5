"""AllowedIPs of whole networks: every lookup gives the next hop of the path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hypothesis import given, settings

from meshc.diagnostics import Diagnostics
from meshc.prefixes import BITS, Prefix
from meshc.topology.language.spec import SiteSpec, Spec
from meshc.topology.planner.addressing.allocation import allocate
from meshc.topology.planner.addressing.lock_text import Lock
from meshc.topology.planner.allowed_ips.hidden_prefixes import hidden_prefixes
from meshc.topology.planner.allowed_ips.peer_prefixes import PeerTables
from meshc.topology.planner.links.mesh_graph import MeshGraph, build_graph
from meshc.topology.planner.routing.routing import Routing, build_routing
from tests.support import specs
from tests.support.networks import networks
from tests.support.specs import node

Entries = dict[str, tuple[Prefix, ...]]


def tables(spec: Spec) -> tuple[MeshGraph, Routing, PeerTables]:
    graph = build_graph(spec, Diagnostics())
    allocation = allocate(spec, graph, Lock(), Diagnostics())
    routing = build_routing(graph, allocation.addresses)
    return graph, routing, PeerTables(routing, allocation)


def entries(graph: MeshGraph, made: PeerTables, viewer: int) -> Entries:
    return {graph.names[j]: made.allowed_ips(viewer, j) for j in graph.neighbours[viewer]}


def exit_of(graph: MeshGraph, viewer: int) -> str | None:
    """The neighbour that has the default routes."""
    name = graph.nodes[viewer].exit
    return name if name and graph.linked(graph.names[viewer], name) else None


def match(of: Entries, target: Prefix) -> str | None:
    """Longest-prefix match the slow way."""
    found = [
        (p.length, name) for name, prefixes in of.items() for p in prefixes if p.contains(target)
    ]
    return max(found)[1] if found else None


def targets(graph: MeshGraph, made: PeerTables, viewer: int, peer: int) -> Iterator[Prefix]:
    """What the viewer must be able to send to another node."""
    hidden = hidden_prefixes(graph.spec, graph.nodes[viewer])
    for prefix in made.own[peer]:
        if prefix not in hidden.own and not any(lan.contains(prefix) for lan in hidden.lans):
            yield prefix


@settings(deadline=None)
@given(networks(most=10))
def test_every_lookup_is_the_next_hop(spec: Spec) -> None:
    graph, routing, made = tables(spec)
    for a in range(len(graph.names)):
        mine = entries(graph, made, a)
        for b in range(len(graph.names)):
            hop = routing.hop(a, b)
            for target in targets(graph, made, a, b) if a != b and hop is not None else ():
                assert graph.names[hop] == match(mine, target)


@settings(deadline=None)
@given(networks(most=10))
def test_a_prefix_has_one_peer_and_peers_that_are_no_relays_have_their_own_only(spec: Spec) -> None:
    graph, _, made = tables(spec)
    for a in range(len(graph.names)):
        mine = entries(graph, made, a)
        listed = [p for prefixes in mine.values() for p in prefixes]
        assert len(set(listed)) == len(listed)
        for name, prefixes in mine.items():
            assert prefixes
            if not spec.nodes[name].is_relay and name != spec.nodes[graph.names[a]].exit:
                assert prefixes == made.visible(graph.number[name], made.hidden(a))


@settings(deadline=None)
@given(networks(most=10))
def test_the_rest_of_the_internet_goes_to_the_exit(spec: Spec) -> None:
    graph, _, made = tables(spec)
    for a in range(len(graph.names)):
        mine = entries(graph, made, a)
        for target in map(Prefix.host, ("1.1.1.1", "2620:fe::fe")):
            # these are hosts of Linux: IPv6 that the network has not is held back, not sent
            sent = target.family == 4 or any(p.family == 6 for p in spec.network.pools)
            assert match(mine, target) == (exit_of(graph, a) if sent else None)


@settings(deadline=None)
@given(networks(most=10))
def test_relays_send_a_free_address_nowhere_and_leaves_to_relays_only(spec: Spec) -> None:
    graph, _, made = tables(spec)
    taken = {p for prefixes in made.own for p in prefixes}
    free = [
        p
        for pool in spec.network.pools
        for n in range(256)
        if (p := Prefix(pool.family, pool.value + n, BITS[pool.family])) not in taken
    ]
    for a in range(len(graph.names)):
        mine = entries(graph, made, a)
        hops = {match(mine, p) for p in free}
        if graph.nodes[a].is_relay:
            assert hops <= {exit_of(graph, a)}
        elif any(j in graph.relays for j in graph.neighbours[a]):
            assert all(hop is not None and spec.nodes[hop].is_relay for hop in hops)


@settings(deadline=None)
@given(networks(most=10))
def test_no_node_is_taken_for_an_anycast_address(spec: Spec) -> None:
    """RFC 4291 section 2.6.1: the first address of a subnet, which for Linux is every route shorter
    than /127. Entries for that are the only ones that could be left out."""
    graph, _, made = tables(spec)
    for a, node_ in enumerate(graph.nodes):
        mine = entries(graph, made, a)
        listed = {p: name for name, prefixes in mine.items() for p in prefixes}
        for name in graph.names:
            for address in made.allocation.addresses[name] if name != node_.name else ():
                over = [p for p in listed if p.contains(address)]
                longest = max(over, key=lambda p: p.length, default=None)
                if address.family == 6 and longest is not None:
                    assert longest.length >= 127 or longest.value != address.value
        for prefix, name in listed.items():
            wider = [p for p in listed if p.contains(prefix) and p != prefix]
            above = max(wider, key=lambda p: p.length, default=None)
            if above is not None and listed[above] == name and name in special(graph, made, a):
                assert prefix.is_host
                assert above.value == prefix.value


def special(graph: MeshGraph, made: PeerTables, viewer: int) -> set[str]:
    return {graph.names[j] for j in made.special(viewer)}


def two_relays_and_blocks(first: str, last: str) -> Spec:
    """Four nodes of `west` that fill a /126, and a leaf of both relays."""
    relays = [
        node(n, relay=True, endpoint=f"{n}.example", address=f"fd44::{i}")
        for i, n in enumerate(("east", "west"), 1)
    ]
    ends = [node(f"w{i}", direct=("west",), address=f"fd44::{i}") for i in (first, last)]
    middle = [node(f"w{i}", direct=("west",), address=f"fd44::{i}") for i in (45, 46)]
    both = node("both", via=("east",), address="fd44::9")
    return specs.spec([*relays, *ends, *middle, both], pools="fd44::/120")


def test_an_address_that_an_entry_begins_at_has_an_entry_of_its_own() -> None:
    graph, _, made = tables(two_relays_and_blocks("44", "47"))
    assert text(made, graph, "east")["west"] == ["fd44::2/128", "fd44::44/126", "fd44::44/128"]
    assert text(made, graph, "both") == {
        "east": ["fd44::/120"],
        "west": ["fd44::2/128", "fd44::40/124"],  # nobody is fd44::40
    }
    graph, _, made = tables(two_relays_and_blocks("40", "47"))
    assert text(made, graph, "both")["west"] == ["fd44::2/128", "fd44::40/124", "fd44::40/128"]
    assert text(made, graph, "w40") == {"west": ["fd44::/120"]}


def test_an_entry_of_its_own_is_where_the_link_is() -> None:
    """The leaf that knows fd44::40 directly lists it there, and nowhere else."""
    spec = two_relays_and_blocks("40", "47")
    friend = node("friend", endpoint="friend.example", via=("east",), address="fd44::a")
    nodes = {**spec.nodes, "friend": friend}
    nodes["w40"] = replace(nodes["w40"], direct=("west", "friend"))
    graph, _, made = tables(replace(spec, nodes=dict(sorted(nodes.items()))))
    assert text(made, graph, "friend")["w40"] == ["fd44::40/128"]
    listed = [p for found in text(made, graph, "friend").values() for p in found]
    assert listed.count("fd44::40/128") == 1


def text(made: PeerTables, graph: MeshGraph, viewer: str) -> dict[str, list[str]]:
    found = entries(graph, made, graph.number[viewer])
    return {name: [str(p) for p in prefixes] for name, prefixes in found.items()}


def test_exit_routes_replace_what_they_cover() -> None:
    spec = specs.spec(
        [
            node("hub", relay=True, endpoint="hub.example", exit_node=True, address="10.44.0.1"),
            node("lan", routes="192.168.7.0/24", address="10.44.0.2"),
            node("phone", exit="hub", address="10.44.0.3"),
        ],
    )
    graph, _, made = tables(spec)
    assert text(made, graph, "phone") == {"hub": ["0.0.0.0/0"]}


def test_an_exit_beside_a_relay_keeps_the_network_on_the_relay() -> None:
    spec = specs.spec(
        [
            node("hub", relay=True, endpoint="hub.example", address="10.44.0.1"),
            node("out", endpoint="out.example", exit_node=True, address="10.44.0.9"),
            node("lan", routes="192.168.7.0/24", address="10.44.0.2"),
            node("phone", exit="out", address="10.44.0.3"),
        ],
    )
    graph, _, made = tables(spec)
    assert text(made, graph, "phone") == {
        "hub": ["10.44.0.0/24", "192.168.7.0/24"],
        "out": ["0.0.0.0/0", "10.44.0.9/32"],
    }


def test_the_own_lan_is_not_routed_into_the_tunnel() -> None:
    lan = Prefix.parse("192.168.1.0/24")
    spec = specs.spec(
        [
            node("hub", relay=True, endpoint="hub.example", address="10.44.0.1"),
            node("router", site="home", routes="192.168.1.0/24", address="10.44.0.2"),
            node("pc", site="home", address="10.44.0.3"),
            node("away", address="10.44.0.4"),
        ],
        sites=[SiteSpec("home", lan=(lan,))],
    )
    graph, _, made = tables(spec)
    assert text(made, graph, "pc") == {"hub": ["10.44.0.0/24"]}
    assert text(made, graph, "router") == {"hub": ["10.44.0.0/24"]}
    assert text(made, graph, "away") == {"hub": ["10.44.0.0/24", "192.168.1.0/24"]}
    assert text(made, graph, "hub")["router"] == ["10.44.0.2/32", "192.168.1.0/24"]


def test_a_node_without_a_relay_has_exact_prefixes_only() -> None:
    nodes = [
        node(n, endpoint=f"{n}.example", address=f"10.44.0.{i}") for i, n in enumerate("abc", 1)
    ]
    graph, _, made = tables(specs.spec(nodes))
    assert text(made, graph, "a") == {"b": ["10.44.0.2/32"], "c": ["10.44.0.3/32"]}


def test_the_block_of_the_other_relay_is_one_entry() -> None:
    relays = [
        node(n, relay=True, endpoint=f"{n}.example", address=f"10.44.0.{i}")
        for i, n in enumerate(("east", "west"), 1)
    ]
    leaves = [node(f"e{i}", direct=("east",), address=f"10.44.0.{64 + i}") for i in range(3)]
    leaves += [node(f"w{i}", direct=("west",), address=f"10.44.0.{128 + i}") for i in range(3)]
    both = node("both", via=("east",), address="10.44.0.70")
    graph, _, made = tables(specs.spec([*relays, *leaves, both]))
    assert text(made, graph, "both") == {
        "east": ["10.44.0.0/24"],
        "west": ["10.44.0.2/32", "10.44.0.128/28"],
    }
    assert text(made, graph, "east")["west"] == ["10.44.0.2/32", "10.44.0.128/31", "10.44.0.130/32"]

"""The walk is the definition: each fault a person can make by hand, and where the packet dies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from meshc.prefixes import Prefix
from meshc.topology.language.spec import Nat, Platform
from meshc.topology.proof.network_model import NetworkModel
from meshc.topology.proof.walk import Packet, walk, walk_pair
from meshc.wg.conf import HostPort
from tests.support.wire import FORWARD, Wire, main_example, preshared_key, private_key
from tests.support.wire_examples import lan_example

RELAY = "public-server1"


def network(wire: Wire) -> NetworkModel:
    return NetworkModel.build(wire.files(), wire.expectation())


def told(wire: Wire, source: str, target: str) -> str:
    return walk_pair(network(wire), source, target, 4).text


def test_every_pair_of_the_main_example_arrives() -> None:
    net = network(main_example())
    for source in net.models:
        for target in net.models:
            assert walk_pair(net, source, target, 4).delivered


def test_paths_of_the_main_example() -> None:
    wire = main_example()
    assert told(wire, "phone", "laptop") == "phone → laptop: phone → public-server1 → laptop"
    assert told(wire, "phone", RELAY) == "phone → public-server1: phone → public-server1"
    assert told(wire, "phone", "public-server2") == (
        "phone → public-server2: phone → public-server2"
    )


def test_each_hop_says_what_chose_it() -> None:
    first, second, third = walk_pair(network(main_example()), "phone", "laptop", 4).hops
    assert (first.match, second.match) == (
        Prefix.parse("10.44.0.0/24"),
        Prefix.parse("10.44.0.4/32"),
    )
    assert (second.accepted, third.accepted) == (
        Prefix.parse("10.44.0.5/32"),
        Prefix.parse("10.44.0.0/24"),
    )
    assert second.rule == "-i %i -o %i -j ACCEPT"


def _forget(wire: Wire) -> None:
    del wire.nodes["laptop"].peers[RELAY]


def _forgotten(wire: Wire) -> None:
    del wire.nodes[RELAY].peers["phone"]


def _moved(wire: Wire) -> None:
    wire.nodes[RELAY].peers["phone"].allowed.clear()
    wire.nodes[RELAY].peers["laptop"].allowed.append("10.44.0.5/32")


def _removed(wire: Wire) -> None:
    wire.nodes[RELAY].peers["phone"].allowed.clear()


def _target_removed(wire: Wire) -> None:
    wire.nodes[RELAY].peers["home-server"].allowed.clear()


def _swapped_keys(wire: Wire) -> None:
    peers = wire.nodes[RELAY].peers
    one, other = peers["phone"], peers["home-server"]
    one.key, other.key = other.key, one.key
    one.psk, other.psk = other.psk, one.psk


def _foreign_key(wire: Wire) -> None:
    wire.nodes["phone"].peers[RELAY].key = private_key("nobody").public_key()


def _own_key(wire: Wire) -> None:
    wire.nodes["phone"].peers[RELAY].key = private_key("phone").public_key()


def _other_psk(wire: Wire) -> None:
    wire.nodes["phone"].peers[RELAY].psk = preshared_key("phone", "nobody")


def _no_psk(wire: Wire) -> None:
    wire.nodes[RELAY].peers["phone"].psk = None


def _no_switch(wire: Wire) -> None:
    wire.nodes[RELAY].post_up.pop()


def _no_accept(wire: Wire) -> None:
    del wire.nodes[RELAY].post_up[1]


def _no_rules(wire: Wire) -> None:
    wire.nodes[RELAY].post_up[:] = ["sysctl -w net.ipv4.ip_forward=1"]


def _wrong_endpoint(wire: Wire) -> None:
    wire.nodes["phone"].peers[RELAY].endpoint = "198.51.100.9:51820"


def _wrong_port(wire: Wire) -> None:
    wire.nodes[RELAY].listen_port = 51821


def _no_keepalive(wire: Wire) -> None:
    wire.nodes["home-server"].peers[RELAY].keepalive = None


def _no_route(wire: Wire) -> None:
    wire.nodes["phone"].table = "off"


def _narrow(wire: Wire) -> None:
    wire.nodes["phone"].peers[RELAY].allowed[:] = ["10.44.0.1/32"]


def _address(wire: Wire) -> None:
    wire.nodes["phone"].addresses[:] = ["10.44.0.50/32"]


def _loop(wire: Wire) -> None:
    # only the node that made a packet can be deceived into taking it back: elsewhere the source
    # filter wants it from the same peer as before
    server = wire.nodes["public-server2"]
    wire.nodes["phone"].peers["public-server2"].allowed.append("10.44.0.3/32")
    del server.peers["home-server"]
    server.post_up += FORWARD
    wire.nodes[RELAY].peers["home-server"].allowed.clear()
    wire.nodes[RELAY].peers["phone"].allowed[:] = ["10.44.0.3/32"]
    wire.nodes[RELAY].peers["public-server2"].allowed.append("10.44.0.5/32")


FAULTS: list[tuple[Callable[[Wire], None], str]] = [
    (_forgotten, "public-server1 does not answer phone: it has no peer with phone's public key"),
    (_moved, "public-server1 drops it: source 10.44.0.5 belongs to peer laptop"),
    (_removed, "public-server1 drops it: source 10.44.0.5 belongs to no peer"),
    (_target_removed, "public-server1 has no route into the tunnel for 10.44.0.3"),
    (_swapped_keys, "public-server1 drops it: source 10.44.0.5 belongs to peer home-server"),
    (
        _foreign_key,
        "phone drops it: no node has the public key that it lists for public-server1",
    ),
    (_own_key, "phone drops it: it lists its own public key as peer public-server1"),
    (_other_psk, "phone and public-server1 have different pre-shared keys"),
    (_no_psk, "phone and public-server1 have different pre-shared keys"),
    (_no_switch, "public-server1 drops it: IPv4 forwarding is off"),
    (_no_accept, "public-server1 drops it: its rule `-i %i -j DROP`"),
    (_no_rules, "public-server1 drops it: none of its rules forwards it from wg0 to wg0"),
    (
        _wrong_endpoint,
        "phone and public-server1 cannot shake hands: "
        "neither has an endpoint that reaches the other",
    ),
    (
        _wrong_port,
        "phone and public-server1 cannot shake hands: "
        "neither has an endpoint that reaches the other",
    ),
    (
        _no_keepalive,
        "public-server1 cannot start a session with home-server, "
        "and home-server keeps none alive (no PersistentKeepalive)",
    ),
    (_no_route, "phone has no route into the tunnel for 10.44.0.3"),
    (_narrow, "phone has no route into the tunnel for 10.44.0.3"),
    (_address, "public-server1 drops it: source 10.44.0.50 belongs to no peer"),
    (
        _loop,
        "it comes back to phone: phone → public-server2 → public-server1 → phone",
    ),
]


@pytest.mark.parametrize(
    ("fault", "end"), FAULTS, ids=[fault.__name__.strip("_") for fault, _ in FAULTS]
)
def test_a_planted_fault_has_its_trace(fault: Callable[[Wire], None], end: str) -> None:
    wire = main_example()
    fault(wire)
    assert told(wire, "phone", "home-server") == f"phone → home-server: {end}"


def test_a_peer_that_was_forgotten_on_the_far_side() -> None:
    wire = main_example()
    _forget(wire)
    assert told(wire, "phone", "laptop") == (
        "phone → laptop: laptop does not answer public-server1: "
        "it has no peer with public-server1's public key"
    )


def test_the_last_of_two_peers_gets_a_doubled_prefix() -> None:
    wire = main_example()
    peers = wire.nodes[RELAY].peers
    assert list(peers)[:2] == ["home-server", "laptop"]
    peers["home-server"].allowed.append("10.44.0.4/32")
    assert told(wire, "phone", "laptop").endswith("public-server1 → laptop")
    peers["laptop"].allowed.append("10.44.0.3/32")
    assert told(wire, "phone", "home-server") == (
        "phone → home-server: laptop drops it: IPv4 forwarding is off"
    )


def test_nat_to_nat_needs_both_sides() -> None:
    wire = Wire("10.44.0.0/24")
    nat = {"nat": Nat.PORT_RESTRICTED}
    wire.add("a", "10.44.0.1/32", endpoint="203.0.113.1:1001", **nat)
    wire.add("b", "10.44.0.2/32", endpoint="203.0.113.2:1002", **nat)
    ab = wire.peer("a", "b", "10.44.0.2/32", endpoint="203.0.113.2:1002", keepalive=25)
    ba = wire.peer("b", "a", "10.44.0.1/32", endpoint="203.0.113.1:1001", keepalive=25)
    assert told(wire, "a", "b") == "a → b: a → b"
    ba.keepalive = None
    assert told(wire, "a", "b") == (
        "a → b: a cannot start a session with b, and b keeps none alive (no PersistentKeepalive)"
    )
    ba.keepalive, ab.endpoint = 25, ""
    assert told(wire, "b", "a") == (
        "b → a: b and a cannot shake hands: neither has an endpoint that reaches the other"
    )


def test_families_of_the_underlay_decide() -> None:
    wire = Wire("10.44.0.0/24")
    wire.add("a", "10.44.0.1/32", endpoint="[2001:db8::1]:51820")
    wire.add("b", "10.44.0.2/32", underlay=(4,))
    wire.peer("a", "b", "10.44.0.2/32")
    wire.peer("b", "a", "10.44.0.1/32", keepalive=25)
    assert "cannot shake hands" in told(wire, "b", "a")
    wire.nodes["b"].facts = replace(wire.nodes["b"].facts, underlay=(4, 6))
    assert told(wire, "b", "a") == "b → a: b → a"


def test_one_site_speaks_over_its_lan() -> None:
    wire = Wire("10.44.0.0/24")
    wire.add("a", "10.44.0.1/32", site="home", lan_endpoint=HostPort("192.168.1.10", 0))
    wire.nodes["a"].listen_port = 51820
    wire.add("b", "10.44.0.2/32", site="home")
    wire.peer("a", "b", "10.44.0.2/32")
    wire.peer("b", "a", "10.44.0.1/32", endpoint="192.168.1.10:51820", keepalive=25)
    assert told(wire, "b", "a") == "b → a: b → a"
    assert told(wire, "a", "b") == "a → b: a → b"
    wire.nodes["b"].peers["a"].endpoint = "192.168.1.11:51820"
    assert "cannot shake hands" in told(wire, "b", "a")


def test_a_lan_is_reached_through_its_router_with_masquerade() -> None:
    wire = lan_example()
    net = network(wire)
    packet = Packet(4, 0x0A2C0005, 0xC0A80114)
    trace = walk(net, "phone", packet)
    assert trace.text == "phone → 192.168.1.20: phone → public-server1 → home-server"
    answer = Packet(4, packet.target, packet.source, True)
    assert walk(net, "home-server", answer).delivered
    wire.nodes["home-server"].post_up.pop()
    assert walk(network(wire), "phone", packet).text == (
        "phone → 192.168.1.20: home-server lets it out without masquerading 10.44.0.5, "
        "so that no answer finds the way back"
    )


def test_a_node_without_a_file_mirrors_its_neighbours() -> None:
    wire = main_example()
    home = wire.nodes["home-server"]
    home.facts = type(home.facts)(
        name="home-server", managed=False, addresses=(Prefix.parse("10.44.0.3/32"),)
    )
    assert told(wire, "phone", "home-server").endswith("public-server1 → home-server")
    assert told(wire, "home-server", "phone").endswith(": home-server → public-server1 → phone")
    assert told(wire, "home-server", "public-server2").endswith(": home-server → public-server2")


def test_a_relay_without_hooks_is_taken_at_its_word() -> None:
    wire = main_example()
    relay = wire.nodes[RELAY]
    relay.post_up.clear()
    old = relay.facts
    relay.facts = replace(old, relay=True, platform=Platform.ROUTEROS)
    assert told(wire, "phone", "laptop").endswith("phone → public-server1 → laptop")
    relay.facts = replace(old, relay=False, platform=Platform.ROUTEROS)
    assert told(wire, "phone", "laptop") == (
        "phone → laptop: public-server1 drops it: it does not forward for others"
    )

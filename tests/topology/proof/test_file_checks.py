"""Faults of single files, whether or not they cost a packet."""

from __future__ import annotations

from dataclasses import replace

from meshc.prefixes import Prefix
from meshc.topology.language.spec import Platform
from meshc.topology.proof import prove
from meshc.wg.endpoint import Endpoint
from tests.support.planted import finding, findings
from tests.support.wire import main_example, private_key

RELAY, SERVER = "public-server1", "public-server2"


def test_a_missing_file() -> None:
    wire = main_example()
    files = [file for file in wire.files() if file.name != "phone"]
    found = prove(files, wire.expectation()).findings
    assert ("E421", "phone has no file: nothing could be proven for it") in {
        (f.code, f.message) for f in found
    }
    assert "phone" not in prove(files, wire.expectation()).names


def test_a_prefix_on_two_peers() -> None:
    wire = main_example()
    wire.nodes[SERVER].peers["laptop"].allowed.append("10.44.0.3/32")
    found = finding(wire, "E401")
    assert found.message == (
        "public-server2: 10.44.0.3/32 is given to home-server and to laptop; laptop gets it, "
        "home-server silently loses it"
    )


def test_a_prefix_twice_on_one_peer_is_no_fault() -> None:
    wire = main_example()
    wire.nodes[SERVER].peers["laptop"].allowed.append("10.44.0.4/32")
    assert findings(wire) == []


def test_host_bits() -> None:
    wire = main_example()
    wire.nodes["phone"].peers[RELAY].allowed[:] = ["10.44.0.1/24"]
    assert findings(wire) == [
        (
            "W402",
            "phone: AllowedIPs 10.44.0.1/24 has host bits set; WireGuard reads it as 10.44.0.0/24",
        )
    ]


def test_two_sections_for_one_peer() -> None:
    wire = main_example()
    first = wire.nodes["phone"].peers[RELAY]
    again = replace(first, allowed=["10.44.0.0/24"])
    wire.nodes["phone"].peers["again"] = again
    first.allowed = ["10.44.0.1/32"]
    (found,) = findings(wire)
    assert found[0] == "W425"
    assert first.key in found[1]


def test_a_private_key_that_is_not_the_node_s() -> None:
    wire = main_example()
    wire.nodes["phone"].key = private_key("somebody else")
    messages = dict(findings(wire))
    assert "E404" in messages
    assert any(
        text.startswith("phone: the PrivateKey in its file does not belong to its public key")
        for _, text in findings(wire)
    )


def test_two_nodes_with_one_key() -> None:
    wire = main_example()
    wire.nodes["phone"].key = private_key("laptop")
    assert any(
        text == "laptop and phone have the same key: WireGuard takes them for one peer"
        for _, text in findings(wire)
    )


def test_an_idle_link_in_one_file_only() -> None:
    wire = main_example()
    # nothing is sent over it: no prefixes
    wire.peer("laptop", "phone", [])
    assert findings(wire) == [("E404", "laptop lists phone, but phone does not list laptop")]


def test_an_idle_link_that_cannot_shake_hands() -> None:
    wire = main_example()
    wire.peer("laptop", "phone", [])
    wire.peer("phone", "laptop", [])
    assert findings(wire) == [
        (
            "E406",
            "laptop and phone list each other, but neither has an endpoint that reaches the other",
        )
    ]


def test_a_doubled_address() -> None:
    wire = main_example()
    wire.nodes["phone"].addresses[:] = ["10.44.0.4/32"]
    assert any(
        text == "laptop and phone have the same address 10.44.0.4" for _, text in findings(wire)
    )


def test_a_node_without_an_address() -> None:
    wire = main_example()
    wire.nodes["phone"].addresses.clear()
    assert ("E415", "phone has no address on its tunnel") in findings(wire)


def test_an_endpoint_inside_the_tunnel() -> None:
    wire = main_example()
    wire.nodes["phone"].peers[SERVER].allowed.append("198.51.100.0/24")
    found = [text for code, text in findings(wire) if code == "E413"]
    assert found == [
        "phone: the endpoint 198.51.100.1:51820 of public-server1 lies inside 198.51.100.0/24, "
        "which is routed into the tunnel",
        "phone: the endpoint 198.51.100.2:51820 of public-server2 lies inside 198.51.100.0/24, "
        "which is routed into the tunnel",
    ]


def test_what_protects_an_endpoint() -> None:
    wire = main_example()
    peer = wire.nodes["phone"].peers[SERVER]
    peer.allowed.append("198.51.100.0/24")
    facts = wire.nodes["phone"].facts
    wire.nodes["phone"].facts = replace(facts, platform=Platform.IOS)
    assert "E413" not in dict(findings(wire))
    wire.nodes["phone"].facts = replace(facts, lans=(Prefix.parse("198.51.100.0/28"),))
    assert "E413" not in dict(findings(wire))
    wire.nodes["phone"].facts = facts
    peer.allowed[-1] = "0.0.0.0/0"
    assert "E413" not in dict(findings(wire))


def test_a_name_may_lead_into_any_part_of_a_default_route() -> None:
    """wg-quick keeps WireGuard's own packets out of a /0 only; parts of it are plain routes."""
    wire = main_example()
    server, phone = wire.nodes[SERVER], wire.nodes["phone"]
    server.facts = replace(
        server.facts, exit_node=True, endpoints=(Endpoint("s.example.org", 51820),)
    )
    for node in wire.nodes.values():
        if SERVER in node.peers:
            node.peers[SERVER].endpoint = "s.example.org:51820"
    phone.facts = replace(phone.facts, exit=SERVER)
    phone.peers[SERVER].allowed += ["0.0.0.0/1", "128.0.0.0/1", "::/0"]
    told = [text for code, text in findings(wire) if code == "E413"]
    assert (
        "phone: the endpoint s.example.org:51820 of public-server2 is a name and may lie inside "
        "0.0.0.0/1, which is routed into the tunnel"
    ) in told
    for platform in (Platform.IOS, Platform.WINDOWS, Platform.MACOS):
        phone.facts = replace(phone.facts, platform=platform)
        assert not any("may lie" in text for code, text in findings(wire) if code == "E413")
    phone.facts = replace(phone.facts, platform=Platform.LINUX)
    phone.peers[SERVER].allowed[-3:] = ["0.0.0.0/0", "::/0"]
    assert "E413" not in dict(findings(wire))


def test_a_node_s_own_lan() -> None:
    wire = main_example()
    lan = Prefix.parse("192.168.1.0/24")
    wire.nodes["phone"].facts = replace(wire.nodes["phone"].facts, lans=(lan,))
    wire.nodes["phone"].peers[RELAY].allowed.append(str(lan))
    assert findings(wire) == [
        ("E420", "phone is on 192.168.1.0/24 itself, but also routes it to public-server1")
    ]


def test_mtu_limits() -> None:
    wire = main_example()
    wire.nodes["phone"].mtu = 1441
    assert findings(wire)[0] == (
        "E417",
        "phone: MTU 1441 does not fit: 1500 less 60 for the tunnel is 1440",
    )
    wire.nodes["phone"].mtu = 1440
    wire.nodes[RELAY].mtu = 1440
    assert findings(wire) == []
    wire.nodes["phone"].addresses.append("fd44::5/128")
    wire.nodes["phone"].mtu = 1279
    assert findings(wire) == [
        ("E417", "phone: with an MTU of 1279 its IPv6 does not work: 1280 is the least")
    ]


def test_mtu_follows_the_narrower_way_of_two() -> None:
    """A packet passes the way to the internet of both ends."""
    wire = main_example()
    wire.nodes["phone"].facts = replace(wire.nodes["phone"].facts, uplink_mtu=1492)
    wire.nodes["phone"].mtu = wire.nodes[RELAY].mtu = 1432
    wire.nodes[SERVER].mtu = 1432
    assert findings(wire) == []
    wire.nodes[RELAY].mtu = 1433
    assert findings(wire)[0] == (
        "E417",
        f"{RELAY}: MTU 1433 does not fit: 1492 less 60 for the tunnel is 1432",
    )


def test_many_findings_of_one_kind_are_counted() -> None:
    wire = main_example()
    for n in range(30):
        wire.nodes["phone"].peers[SERVER].allowed.append(f"10.50.{n}.1/24")
    messages = [text for code, text in findings(wire) if code == "W402"]
    assert len(messages) == 21
    assert "10 more prefixes with host bits have the same fault" in messages

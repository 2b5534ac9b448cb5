"""The explanation of one pair."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshc.prefixes import Prefix
from meshc.topology.language.spec import Nat
from meshc.topology.proof.explanation import (
    Explanation,
    HopSession,
    Speaker,
    explain,
    explain_hosts,
)
from meshc.topology.proof.network_model import NetworkModel
from meshc.wg.endpoint import Endpoint
from tests.support.wire import Wire, main_example
from tests.support.wire_examples import exit_example, lan_example

RELAY = "public-server1"


def story(wire: Wire, a: str, b: str) -> Explanation:
    network = NetworkModel.build(wire.files(), wire.expectation())
    return explain(network, a, b, why_not=lambda one, other: f"{one} and {other} hide")


def test_a_bounced_pair() -> None:
    told = story(main_example(), "phone", "laptop")
    assert told.works
    assert not told.direct
    assert told.why_not_direct == "phone and laptop hide"
    assert told.mtu == 1420
    there, back = told.legs
    assert (there.source, there.target, there.family) == ("phone", "laptop", 4)
    assert there.lines == (
        "phone sends it to public-server1 (AllowedIPs 10.44.0.0/24)",
        "public-server1 takes it from phone, whose AllowedIPs 10.44.0.5/32 hold the source, "
        "forwards it by `-i %i -o %i -j ACCEPT`, sends it to laptop (AllowedIPs 10.44.0.4/32)",
        "laptop takes it from public-server1, whose AllowedIPs 10.44.0.0/24 hold the source, "
        "is where it belongs",
    )
    assert back.trace.path == ("laptop", RELAY, "phone")


def test_sessions_of_a_path() -> None:
    told = story(main_example(), "phone", "laptop")
    assert told.sessions[0] == HopSession(
        nodes=("phone", RELAY),
        starters=("phone",),
        at=("198.51.100.1:51820 (public endpoint)",),
        keepalive=(("phone", 25),),
        preshared_key=True,
    ) or told.sessions[0].nodes == (RELAY, "phone")
    assert len(told.sessions) == 2
    assert all(not session.fault for session in told.sessions)


def test_a_direct_pair_needs_no_excuse() -> None:
    told = story(main_example(), "phone", RELAY)
    assert told.direct
    assert told.why_not_direct == ""


def test_a_pair_that_does_not_work() -> None:
    wire = main_example()
    wire.nodes["laptop"].peers[RELAY].keepalive = None
    told = story(wire, "phone", "laptop")
    assert not told.works
    there, back = told.legs
    assert not there.delivered
    assert back.delivered
    assert there.lines[-1] == (
        "public-server1 cannot start a session with laptop, "
        "and laptop keeps none alive (no PersistentKeepalive)"
    )
    faults = [session.fault for session in told.sessions if session.fault]
    assert len(faults) == 1


def test_two_fixed_endpoints_are_named() -> None:
    wire = Wire("10.44.0.0/24")
    for n, name in enumerate(("a", "b"), 1):
        wire.add(name, f"10.44.0.{n}/32", endpoint=f"203.0.113.{n}:100{n}", nat=Nat.PORT_RESTRICTED)
    wire.peer("a", "b", "10.44.0.2/32", endpoint="203.0.113.2:1002", keepalive=25)
    wire.peer("b", "a", "10.44.0.1/32", endpoint="203.0.113.1:1001", keepalive=25)
    (session,) = story(wire, "a", "b").sessions
    assert session.starters == ("a", "b")
    assert session.at == (
        "203.0.113.2:1002 (fixed endpoint behind a NAT)",
        "203.0.113.1:1001 (fixed endpoint behind a NAT)",
    )


def test_nodes_without_a_common_family() -> None:
    wire = main_example()
    wire.nodes["phone"].addresses[:] = ["fd44::5/128"]
    told = story(wire, "phone", "laptop")
    assert told.legs == ()
    assert not told.works


def test_an_unmanaged_node_has_a_story_too() -> None:
    wire = main_example()
    laptop = wire.nodes["laptop"]
    laptop.facts = replace(
        laptop.facts,
        managed=False,
        addresses=(Prefix.parse("10.44.0.4/32"),),
        endpoints=(Endpoint("laptop.example.org", 51820),),
        nat=Nat.NONE,
    )
    told = story(wire, "laptop", "phone")
    assert told.works


def test_an_unknown_name() -> None:
    with pytest.raises(KeyError):
        story(main_example(), "phone", "nobody")


def at_node(network: NetworkModel, name: str) -> Speaker:
    own = network.model(name).address(4)
    assert own is not None
    return Speaker(name, own, name)


def somewhere(text: str, router: str = "") -> Speaker:
    return Speaker(text, Prefix.host(text), router)


def test_a_host_on_a_lan_is_asked_and_asks() -> None:
    network = NetworkModel.build(lan_example().files(), lan_example().expectation())
    phone, host = at_node(network, "phone"), somewhere("192.168.1.20", "home-server")
    told = explain_hosts(network, phone, host)
    assert told.works
    there, back = told.legs
    assert there.trace.path == ("phone", RELAY, "home-server")
    assert there.lines[-1].endswith("hands it to the LAN")
    assert back.trace.path == ("home-server", RELAY, "phone")
    assert (back.source, back.target) == ("192.168.1.20", "phone")
    told = explain_hosts(network, host, phone)
    assert told.works
    assert [leg.trace.path for leg in told.legs] == [
        ("home-server", RELAY, "phone"),
        ("phone", RELAY, "home-server"),
    ]
    assert told.legs[0].trace.text == f"192.168.1.20 → phone: home-server → {RELAY} → phone"


def test_a_host_in_the_internet() -> None:
    wire = exit_example()
    network = NetworkModel.build(wire.files(), wire.expectation())
    told = explain_hosts(network, at_node(network, "phone"), somewhere("1.1.1.1"))
    assert told.works
    assert told.legs[0].lines[-1].endswith("lets it out to the internet")
    told = explain_hosts(network, at_node(network, "laptop"), somewhere("1.1.1.1"))
    assert not told.works
    assert told.legs[0].lines[-1] == "laptop has no route into the tunnel for 1.1.1.1"

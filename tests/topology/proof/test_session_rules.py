"""Who can start a session with whom, from what the files and the NATs allow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshc.topology.language.spec import Nat
from meshc.topology.proof.drop import LossReason
from meshc.topology.proof.network_model import NetworkModel
from meshc.topology.proof.session_rules import Reach, reach, same_host, session_fault
from meshc.wg.endpoint import Endpoint
from tests.support.wire import Wire


def pair(**facts: object) -> Wire:
    """a, behind a NAT, and b with a public endpoint; they list each other."""
    wire = Wire("10.44.0.0/24")
    wire.add("a", "10.44.0.1/32", nat=Nat.PORT_RESTRICTED)
    wire.add("b", "10.44.0.2/32", endpoint="203.0.113.2:51820", **facts)
    wire.peer("a", "b", "10.44.0.2/32", endpoint="203.0.113.2:51820", keepalive=25)
    wire.peer("b", "a", "10.44.0.1/32")
    return wire


def faults(wire: Wire) -> tuple[LossReason | None, LossReason | None]:
    network = NetworkModel.build(wire.files(), wire.expectation())
    a, b = network.model("a"), network.model("b")
    return session_fault(a, b), session_fault(b, a)


def how(wire: Wire) -> Reach:
    network = NetworkModel.build(wire.files(), wire.expectation())
    return reach(network.model("a"), network.model("b"))


@pytest.mark.parametrize(
    ("nat", "worth"),
    [
        (Nat.NONE, Reach.OPEN),
        (Nat.FULL_CONE, Reach.OPEN),
        (Nat.UNKNOWN, Reach.OPEN),
        (Nat.RESTRICTED, Reach.FIXED),
        (Nat.PORT_RESTRICTED, Reach.FIXED),
        (Nat.SYMMETRIC, Reach.NONE),
    ],
)
def test_the_nat_in_front_of_an_endpoint(nat: Nat, worth: Reach) -> None:
    assert how(pair(nat=nat)) is worth


def test_a_sound_pair() -> None:
    assert faults(pair()) == (None, None)


def test_the_hidden_side_must_keep_it_alive() -> None:
    wire = pair()
    wire.nodes["a"].peers["b"].keepalive = None
    assert faults(wire) == (None, LossReason.ASLEEP)


@pytest.mark.parametrize(
    ("seconds", "kept"), [(1, True), (120, True), (121, False), (65535, False)]
)
def test_a_keepalive_is_worth_no_more_than_a_nat_remembers(seconds: int, kept: bool) -> None:
    """RFC 4787 section 4.3: after two silent minutes it may forget."""
    wire = pair()
    wire.nodes["a"].peers["b"].keepalive = seconds
    assert faults(wire) == (None, None if kept else LossReason.ASLEEP)


def test_of_two_filters_the_receiver_s_must_be_kept_open() -> None:
    """The sender opens its own by what it has to send."""
    wire = pair(nat=Nat.PORT_RESTRICTED)
    wire.nodes["a"].facts = replace(
        wire.nodes["a"].facts, endpoints=(Endpoint("203.0.113.1", 51820),), listen_port=51820
    )
    wire.nodes["a"].listen_port = 51820
    wire.peer("a", "b", "10.44.0.2/32", endpoint="203.0.113.2:51820", keepalive=25)
    wire.peer("b", "a", "10.44.0.1/32", endpoint="203.0.113.1:51820", keepalive=25)
    assert faults(wire) == (None, None)
    wire.nodes["a"].peers["b"].keepalive = None
    assert faults(wire) == (None, LossReason.ASLEEP)


def test_a_keepalive_on_the_public_side_helps_nobody() -> None:
    wire = pair()
    wire.nodes["a"].peers["b"].keepalive = None
    wire.nodes["b"].peers["a"].keepalive = 25
    assert faults(wire) == (None, LossReason.ASLEEP)


def test_the_listen_port_is_that_of_the_endpoint() -> None:
    wire = pair()
    wire.nodes["b"].listen_port = 51821
    assert faults(wire) == (LossReason.NO_ENDPOINT, LossReason.NO_ENDPOINT)
    wire.nodes["b"].listen_port = None
    assert faults(wire) == (LossReason.NO_ENDPOINT, LossReason.NO_ENDPOINT)


def test_a_forwarded_port_may_differ() -> None:
    wire = pair(listen_port=1234)
    wire.nodes["b"].listen_port = 1234
    assert faults(wire) == (None, None)
    wire.nodes["b"].listen_port = 51820
    assert faults(wire) == (LossReason.NO_ENDPOINT, LossReason.NO_ENDPOINT)


def test_a_zero_preshared_key_is_none() -> None:
    from meshc.keys import PresharedKey

    wire = pair()
    wire.nodes["a"].peers["b"].psk = PresharedKey(bytes(32))
    wire.nodes["b"].peers["a"].psk = None
    assert faults(wire) == (None, None)


def test_a_host_name_counts_in_every_family_of_its_node() -> None:
    wire = pair(underlay=(6,))
    b = wire.nodes["b"]
    b.facts = replace(b.facts, endpoints=(Endpoint("b.example.org", 51820),))
    wire.nodes["a"].peers["b"].endpoint = "B.example.org:51820"
    assert faults(wire) == (None, None)
    wire.nodes["a"].facts = replace(wire.nodes["a"].facts, underlay=(4,))
    assert faults(wire) == (LossReason.NO_ENDPOINT, LossReason.NO_ENDPOINT)


def test_a_site_is_needed_for_a_lan_endpoint() -> None:
    wire = pair(site="home", lan_endpoint=Endpoint("192.168.1.2", 51820))
    wire.nodes["a"].peers["b"].endpoint = "192.168.1.2:51820"
    assert how(wire) is Reach.NONE
    wire.nodes["a"].facts = replace(wire.nodes["a"].facts, site="home")
    assert how(wire) is Reach.LAN


def test_a_node_without_a_file_uses_what_there_is() -> None:
    wire = pair()
    wire.nodes["a"].facts = replace(wire.nodes["a"].facts, managed=False)
    assert faults(wire) == (None, None)
    wire.nodes["b"].facts = replace(wire.nodes["b"].facts, nat=Nat.SYMMETRIC)
    assert faults(wire)[1] is LossReason.NO_ENDPOINT


def test_hosts_compare_by_value() -> None:
    assert same_host("2001:db8::1", "2001:0db8:0:0:0:0:0:1")
    assert same_host("Example.ORG.", "example.org")
    assert not same_host("10.0.0.1", "10.0.0.2")

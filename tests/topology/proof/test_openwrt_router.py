"""OpenWrt's firewall as fw4 orders it, from uci settings."""

from __future__ import annotations

import pytest

from meshc.topology.proof.iptables_rule import OUTSIDE, TUNNEL, Flow
from meshc.topology.proof.netfilter import Firewall
from meshc.topology.proof.openwrt_router import read

A, LAN = 0x0A2C0001, 0xC0A80105
INTERFACE = ("set network.wg0=interface", "set network.wg0.proto=wireguard")
ZONE = (
    "set firewall.z=zone",
    "set firewall.z.name=mesh",
    "add_list firewall.z.network=wg0",
)


def firewall(*lines: str) -> Firewall:
    text = "\n".join(["uci batch <<EOF", *INTERFACE, *ZONE, *lines, "EOF"])
    return read(text, "wg0.openwrt.sh").firewall


def section(name: str, kind: str, **options: str) -> tuple[str, ...]:
    given = (f"set firewall.{name}.{key}='{value}'" for key, value in options.items())
    return (f"set firewall.{name}={kind}", *given)


def passes(fire: Firewall, *, established: bool = False) -> bool:
    return fire.forwarding(Flow(4, A, LAN, TUNNEL, OUTSIDE, established))[0]


RULE = {"src": "mesh", "dest": "*", "proto": "all", "target": "ACCEPT"}


@pytest.mark.parametrize(
    ("changes", "accepted"),
    [
        ({}, True),
        ({"dest": "lan"}, True),
        ({"dest": "mesh"}, False),
        ({"src": "lan"}, False),
        ({"src": "*"}, True),
        ({"dest_ip": "192.168.1.0/24"}, True),
        ({"dest_ip": "192.168.2.0/24"}, False),
        ({"dest_ip": "!192.168.2.0/24"}, False),
        ({"family": "ipv6"}, False),
        ({"proto": "tcp"}, False),
        ({"target": "REJECT"}, False),
        ({"enabled": "0"}, False),
        ({"limit": "5/second"}, False),
    ],
)
def test_what_a_rule_lets_through(changes: dict[str, str], accepted: bool) -> None:
    assert passes(firewall(*section("r", "rule", **{**RULE, **changes}))) is accepted


def test_without_a_protocol_a_rule_is_for_tcp_and_udp() -> None:
    partial = {key: value for key, value in RULE.items() if key != "proto"}
    assert not passes(firewall(*section("r", "rule", **partial)))


def test_a_rule_for_the_router_itself_forwards_nothing() -> None:
    opened = {key: value for key, value in RULE.items() if key != "dest"}
    assert not passes(firewall(*section("r", "rule", **opened)))


def test_the_first_rule_decides_and_one_from_anywhere_comes_first() -> None:
    drop = section("a", "rule", **{**RULE, "target": "DROP"})
    assert not passes(firewall(*drop, *section("b", "rule", **RULE)))
    assert passes(firewall(*drop, *section("b", "rule", **{**RULE, "src": "*"})))


def test_answers_pass_by_themselves() -> None:
    drop = section("a", "rule", **{**RULE, "target": "DROP"})
    assert passes(firewall(*drop), established=True)


def test_a_forwarding_opens_a_zone() -> None:
    assert passes(firewall(*section("f", "forwarding", src="mesh", dest="lan")))
    assert not passes(firewall(*section("f", "forwarding", src="lan", dest="mesh")))


@pytest.mark.parametrize(("policy", "accepted"), [("ACCEPT", True), ("REJECT", False)])
def test_the_policy_of_a_zone_is_for_what_stays_in_it(policy: str, accepted: bool) -> None:
    fire = firewall(f"set firewall.z.forward={policy}")
    assert fire.forwarding(Flow(4, A, A + 1, TUNNEL, TUNNEL))[0] is accepted
    assert not passes(fire)


def test_sources_are_hidden_in_the_zone_that_they_leave_through() -> None:
    fire = firewall(*section("n", "nat", src="lan", src_ip="10.44.0.0/24", target="MASQUERADE"))
    assert fire.masquerades(Flow(4, A, LAN, "", OUTSIDE))
    assert not fire.masquerades(Flow(4, LAN, A, "", OUTSIDE))
    assert not fire.masquerades(Flow(4, A, A + 1, "", TUNNEL))

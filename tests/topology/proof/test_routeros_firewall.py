"""RouterOS's rules with address lists and services, and planted faults in those of policies."""

from __future__ import annotations

import re

import pytest

from meshc.topology.proof.iptables_rule import OUTSIDE, TUNNEL, Flow
from meshc.topology.proof.netfilter import Firewall
from meshc.topology.proof.routeros_commands import read_commands
from meshc.topology.proof.routeros_firewall import read_firewall
from tests.support.policy_networks import (
    OFFICE,
    POLICY_CODES,
    ROUTEROS_FAULTS,
    PolicyNetwork,
    policy_network,
)

A, B, LAN = 0x0A2C0001, 0x0A2C0002, 0xC0A80105
FILTER = "/ip/firewall/filter"
LIST = "/ip/firewall/address-list/add list=l address="
ACCEPT = f"{FILTER}/add chain=forward action=accept"
DROP = f"{FILTER}/add chain=forward action=drop"


@pytest.fixture(scope="module")
def network() -> PolicyNetwork:
    return policy_network(OFFICE.format(platform="routeros"))


def firewall(*lines: str) -> Firewall:
    return read_firewall(tuple(read_commands("\n".join(lines))), "wg0")


def passes(fire: Firewall, source: int, protocol: str = "tcp", port: int = 80) -> bool:
    flow = Flow(4, source, LAN, TUNNEL, OUTSIDE, protocol=protocol, port=port)
    return fire.forwarding(flow)[0]


def test_a_list_is_each_of_its_entries() -> None:
    fire = firewall(f"{LIST}10.44.0.1", f"{LIST}10.44.8.0/24", f"{ACCEPT} src-address-list=l")
    assert passes(fire, A)
    assert passes(fire, 0x0A2C0809)
    assert not passes(fire, B)


def test_all_but_a_list() -> None:
    fire = firewall(
        f"{LIST}10.44.0.1", f"{LIST}10.44.8.0/24", f"{DROP} src-address-list=!l", ACCEPT
    )
    assert passes(fire, A)
    assert not passes(fire, B)
    assert not passes(firewall(f"{DROP} src-address-list=!none", ACCEPT), A)


@pytest.mark.parametrize("entry", ["example.com", "fd00::1", "10.44.0.2 timeout=1h"])
def test_a_list_that_may_be_anything_decides_nothing_for_certain(entry: str) -> None:
    fire = firewall(f"{LIST}10.44.0.1", f"{LIST}{entry}", f"{ACCEPT} src-address-list=l")
    assert not passes(fire, A)


@pytest.mark.parametrize(
    ("service", "tcp80", "udp80", "icmp"),
    [
        ("protocol=tcp", True, False, False),
        ("protocol=tcp dst-port=80", True, False, False),
        ("protocol=tcp dst-port=70-90", True, False, False),
        ("protocol=tcp dst-port=81", False, False, False),
        ("protocol=udp dst-port=80", False, True, False),
        ("protocol=icmp", False, False, True),
        ("protocol=icmpv6", False, False, False),
        ("protocol=!tcp", False, False, False),
        ("protocol=tcp dst-port=80,90", False, False, False),
        ("dst-port=80", False, False, False),
    ],
)
def test_protocols_and_ports(service: str, tcp80: bool, udp80: bool, icmp: bool) -> None:
    fire = firewall(f"{ACCEPT} {service}")
    assert passes(fire, A) is tcp80
    assert passes(fire, A, "udp") is udp80
    assert passes(fire, A, "icmp", 0) is icmp


def test_what_is_removed_or_changed_later_counts_as_it_is_then() -> None:
    mine = f"{DROP} comment=mine"
    assert passes(firewall(mine, ACCEPT, f"{FILTER}/remove [find comment=mine]"), A)
    assert passes(firewall(mine, ACCEPT, f"{FILTER}/disable [find comment=mine]"), A)
    assert passes(firewall(mine, f"{FILTER}/set [find comment=mine] action=accept"), A)
    assert not passes(firewall(mine, ACCEPT, f"{FILTER}/remove [find comment=other]"), A)


BEGINS = f"{DROP} connection-state=!established,related src-address=10.44.0.2"
MOVE = f"{FILTER}/move [find action=drop] destination=0"


def test_rules_for_what_begins_must_stand_before_the_router_s_own() -> None:
    def first(*lines: str) -> str:
        return firewall(*lines).chains[4, "filter", "FORWARD"][0].target

    assert first(BEGINS, MOVE) == "DROP"
    assert first(BEGINS) == "?"
    assert first(BEGINS, ACCEPT, MOVE) == "?"
    assert first(BEGINS, MOVE, f"{FILTER}/set 0 action=accept") == "?"


def test_what_marks_wireguard_s_own_packets_is_in_nobody_s_way() -> None:
    mark = "/ip/firewall/mangle/add chain=output action=mark-routing protocol=udp src-port=51820"
    assert firewall(mark).entering(Flow(4, A, LAN, "", TUNNEL, protocol="udp", port=9)) == (
        None,
        "",
    )


@pytest.mark.parametrize("fault", ROUTEROS_FAULTS)
def test_a_planted_fault_is_found(network: PolicyNetwork, fault: str) -> None:
    files = network.files()
    pattern, new = ROUTEROS_FAULTS[fault]
    text, times = re.subn(pattern, new, files["office"], count=1)
    assert times
    assert network.codes(files | {"office": text}) & POLICY_CODES


def test_what_is_built_holds(network: PolicyNetwork) -> None:
    assert not network.codes(network.files()) & POLICY_CODES

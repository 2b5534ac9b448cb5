"""Rules and settings of relays, routers and exits, from facts."""

from __future__ import annotations

import dataclasses

import pytest

from meshc.errors import NodeError
from meshc.node.forwarding import firewall, sysctls
from meshc.node.nodefile import ForwardingFacts
from meshc.node.system.firewall import FirewallFacts
from meshc.prefixes import Prefix
from tests.support.machine_facts import machine

POOLS = (Prefix.parse("10.44.0.0/24"), Prefix.parse("fd44::/64"))
RELAY = ForwardingFacts((4, 6), POOLS, relay=True)
ROUTER = ForwardingFacts((4,), POOLS, lans=(Prefix.parse("192.168.1.0/24"),))
EXIT = ForwardingFacts((4, 6), POOLS, exit=True, clamp_mss=True)


def rules(wanted: ForwardingFacts, family: int = 4) -> dict[str, tuple[str, ...]]:
    loads = {load.family: load for load in firewall(wanted, machine())}
    return {chain.name: chain.rules for chain in loads[family].chains}


def test_a_leaf_needs_nothing() -> None:
    assert firewall(ForwardingFacts(), machine()) == ()
    assert sysctls(ForwardingFacts(), machine()) == ()


def test_a_relay_forwards_within_the_mesh_only() -> None:
    assert rules(RELAY) == {
        "MESHC-FWD-wg0": (
            "-i wg0 -o wg0 -j ACCEPT",
            "-i wg0 -m conntrack --ctstate DNAT -j RETURN",
            "-i wg0 -j DROP",
        )
    }


def test_a_router_masquerades_towards_its_lan() -> None:
    found = rules(ROUTER)
    assert found["MESHC-NAT-wg0"] == ("-s 10.44.0.0/24 -d 192.168.1.0/24 ! -o wg0 -j MASQUERADE",)
    assert found["MESHC-FWD-wg0"][:2] == (
        "-i wg0 -d 192.168.1.0/24 -j ACCEPT",
        "-o wg0 -s 192.168.1.0/24 -j ACCEPT",
    )
    shown = dataclasses.replace(ROUTER, masquerade=False)
    assert "MESHC-NAT-wg0" not in rules(shown)


@pytest.mark.parametrize("family", [4, 6])
def test_an_exit_uses_the_interface_with_the_default_route(family: int) -> None:
    found = rules(EXIT, family)
    pool = {4: "10.44.0.0/24", 6: "fd44::/64"}[family]
    assert found["MESHC-NAT-wg0"] == (f"-s {pool} -o eth0 -j MASQUERADE",)
    assert "-i wg0 -o eth0 -j ACCEPT" in found["MESHC-FWD-wg0"]
    assert (
        "-i eth0 -o wg0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
        in (found["MESHC-FWD-wg0"])
    )
    assert found["MESHC-FWD-wg0"][0].endswith("TCPMSS --clamp-mss-to-pmtu")


def test_without_a_default_route_nothing_leaves() -> None:
    alone = machine(routes=())
    (load, _) = firewall(EXIT, alone)
    assert not any("MASQUERADE" in rule for chain in load.chains for rule in chain.rules)


def test_only_interfaces_with_our_traffic_are_switched_on() -> None:
    assert {c.key: (c.before, c.value) for c in sysctls(ROUTER, machine())} == {
        "net/ipv4/conf/wg0/forwarding": ("0", "1"),
        "net/ipv4/conf/lan0/forwarding": ("1", "1"),
    }
    assert [c.key for c in sysctls(dataclasses.replace(RELAY, families=(4,)), machine())] == [
        "net/ipv4/conf/wg0/forwarding"
    ]


def test_an_unknown_lan_switches_on_all_and_remembers_all() -> None:
    far = dataclasses.replace(ROUTER, lans=(Prefix.parse("172.16.0.0/16"),))
    (change,) = sysctls(far, machine())
    assert change.key == "net/ipv4/ip_forward"
    assert dict(change.others) == {
        "net/ipv4/conf/all/forwarding": "0",
        "net/ipv4/conf/default/forwarding": "0",
        "net/ipv4/conf/eth0/forwarding": "0",
        "net/ipv4/conf/lan0/forwarding": "1",
    }


def test_ipv6_keeps_its_learned_default_route() -> None:
    found = sysctls(dataclasses.replace(RELAY, families=(6,)), machine())
    assert [(c.key, c.before, c.value) for c in found] == [
        ("net/ipv6/conf/eth0/accept_ra", "1", "2"),
        ("net/ipv6/conf/all/forwarding", "0", "1"),
    ]


def test_without_iptables_a_relay_is_refused() -> None:
    with pytest.raises(NodeError, match="needs iptables"):
        firewall(RELAY, machine(firewall={4: FirewallFacts()}))


def test_tables_that_were_not_there_are_remembered() -> None:
    (load,) = firewall(ROUTER, machine())
    assert load.made == ("nat",)

"""Tests with a port, and what policies make of tests without one."""

from __future__ import annotations

import pytest

from meshc.topology.language.spec import Service
from meshc.topology.proof.service_trials import ServiceTrials, Trial
from tests.support.policy_networks import policy_network

TEXT = """
meshc: 1
network: {name: n, addresses: 10.44.0.0/24}
nodes:
  hub: {role: relay, endpoint: 198.51.100.1}
  a: {address: 10.44.0.5}
  b: {address: 10.44.0.6}
policies: [{from: a, to: b, allow: [tcp/80-90, icmp]}]
tests:
"""


def broken(test: str) -> bool:
    network = policy_network(TEXT + f"  - {test}\n")
    return "E419" in network.codes(network.files())


@pytest.mark.parametrize(
    ("test", "holds"),
    [
        ("{from: a, to: b}", True),
        ("{from: a, to: b, port: tcp/80}", True),
        ("{from: a, to: b, port: tcp/80-91}", False),
        ("{from: a, to: b, port: tcp/91, expect: unreachable}", True),
        ("{from: a, to: b, port: tcp/80-91, expect: unreachable}", False),
        ("{from: a, to: b, port: icmp}", True),
        ("{from: b, to: a, expect: unreachable}", True),
        ("{from: b, to: a}", False),
        ("{from: [a, b], to: hub, expect: unreachable}", True),
    ],
)
def test_a_test_is_about_what_begins(test: str, holds: bool) -> None:
    assert broken(test) is not holds


def test_a_lost_packet_is_told_by_the_rule_that_drops_it() -> None:
    network = policy_network(TEXT + "  - {from: a, to: b}\n")
    proof = network.proof(network.files())
    trials = ServiceTrials(proof.network, None)
    trace = trials.fault(Trial(4, "a", 0x0A2C0005, 0x0A2C0006, Service("tcp", 22, 22)))
    assert trace is not None
    assert trace.drop is not None
    assert "MESHC-S" in trace.drop.text or "DROP" in trace.drop.text


HUB = "network: {name: acl, addresses: 10.6.0.0/24}\nnodes:\n"
ACCESS_LISTS = {
    "clients-apart": HUB
    + """
  hub: {endpoint: hub.home-vpn.dev}
  a: {}
  b: {routes: 192.168.7.0/24}
policies:
  - {from: hub, to: [all, "b:lan"]}
tests:
  - {from: [a, b], to: [a, b], expect: unreachable}
  - {from: a, to: 192.168.7.0/24, expect: unreachable}
  - {from: hub, to: 192.168.7.5}
""",
    "lan-not-for-all": """
network: {name: acl, addresses: 10.6.0.0/24}
sites:
  home: {nat: full_cone, lan: 192.168.31.0/24}
nodes:
  pi: {role: relay, site: home, endpoint: pi.home-vpn.dev, routes: 192.168.31.0/24,
       lan_endpoint: 192.168.31.2, exit_node: true}
  me: {}
  tablet: {exit: pi, direct: relays, dns: 9.9.9.9}
  printer: {}
groups: {strangers: [tablet, printer]}
policies:
  - {from: me, to: [all, "all:lan"]}
  - {from: printer, to: 192.168.31.5}
  - {from: tablet, to: internet}
tests:
  - {from: me, to: 192.168.31.5}
  - {from: printer, to: 192.168.31.5}
  - {from: printer, to: 192.168.31.9, expect: unreachable}
  - {from: tablet, to: 192.168.31.5, expect: unreachable}
  - {from: tablet, to: 1.1.1.1}
  - {from: strangers, to: me, expect: unreachable}
""",
    "only-the-relay": HUB
    + """
  pi: {role: relay, endpoint: pi.home-vpn.dev, address: 10.6.0.1}
  me: {address: 10.6.0.4}
  tablet: {address: 10.6.0.2}
  printer: {address: 10.6.0.3}
policies:
  - {from: all, to: pi}
tests:
  - {from: [tablet, printer], to: me, expect: unreachable}
  - {from: tablet, to: printer, expect: unreachable}
  - {from: printer, to: tablet, expect: unreachable}
  - {from: me, to: [tablet, printer], expect: unreachable}
  - {from: me, to: 10.6.0.1}
""",
    "isolated-with-an-exit": HUB
    + """
  hub: {endpoint: hub.home-vpn.dev, exit_node: true}
  a: {}
  b: {exit: hub, dns: 9.9.9.9}
  c: {}
policies: [{from: b, to: internet}, {from: [a, c], to: hub}]
tests:
  - {from: [a, b, c], to: [a, b, c], expect: unreachable}
  - {from: b, to: internet}
  - {from: b, to: hub, expect: unreachable}
""",
    "families-apart": HUB.replace("10.6.0.0/24", '[10.6.0.0/24, "fd06::/64"]')
    + """
  hub: {role: relay, endpoint: hub.shop-vpn.dev}
  shop: {routes: [192.168.31.0/24, "fd31::/64"]}
  store: {routes: [192.168.32.0/24, "fd32::/64"]}
policies: [{from: "shop:lan", to: [192.168.32.5, "fd32::5"], allow: tcp/445}]
tests:
  - {from: "shop:lan", to: 192.168.32.5, port: tcp/445}
  - {from: "shop:lan", to: "fd32::5", port: tcp/445}
  - {from: "shop:lan", to: "fd32::6", port: tcp/445, expect: unreachable}
""",
    "two-targets": HUB
    + """
  erp: {endpoint: erp.corp.net}
  con1: {direct: [erp]}
  r: {role: relay, endpoint: r.corp.net}
  s: {}
policies: [{from: con1, to: erp, allow: tcp/443}, {from: [r, s], to: erp}]
tests:
  - {from: con1, to: [r, s], expect: unreachable}
  - {from: [r, s], to: con1, expect: unreachable}
  - {from: con1, to: erp, port: tcp/443}
""",
}


@pytest.mark.parametrize("name", ACCESS_LISTS)
def test_what_people_ask_of_access_lists_can_be_written_and_holds(name: str) -> None:
    network = policy_network("meshc: 1\n" + ACCESS_LISTS[name])
    assert {code for code in network.codes(network.files()) if code[0] == "E"} == set()

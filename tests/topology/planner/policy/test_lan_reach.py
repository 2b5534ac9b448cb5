"""LANs and exits that a node may not use are not in its AllowedIPs."""

from __future__ import annotations

from meshc.topology.planner.policy.lan_reach import LanReach
from tests.support.policy_networks import policy_network
from tests.support.specs import node

TEXT = """
meshc: 1
network: {name: n, addresses: 10.44.0.0/24}
nodes:
  hub: {role: relay, endpoint: 198.51.100.1, exit_node: true}
  a: {}
  guest: {exit: hub, dns: 9.9.9.9}
  user: {exit: hub, dns: 9.9.9.9}
  nas: {routes: [192.168.7.0/24, 192.168.8.0/24]}
policies:
  - {from: a, to: 192.168.7.5, allow: tcp/445}
  - {from: 192.168.8.0/24, to: guest, allow: icmp}
  - {from: user, to: internet}
"""


def prefixes(name: str) -> set[str]:
    plan = policy_network(TEXT).plan
    return {str(p) for peer in plan.nodes[name].peers for p in peer.allowed_ips}


def test_a_lan_that_a_node_may_not_use_is_not_in_its_prefixes() -> None:
    assert prefixes("a") == {"10.44.0.0/24", "192.168.7.0/24"}
    # answers need the way back
    assert prefixes("guest") == {"10.44.0.0/24", "192.168.8.0/24"}


def test_an_exit_that_a_node_may_not_use_is_none() -> None:
    assert "0.0.0.0/0" not in prefixes("guest")
    assert "0.0.0.0/0" in prefixes("user")


def test_a_relay_carries_all_lans() -> None:
    assert {"192.168.7.0/24", "192.168.8.0/24"} < prefixes("hub")


def test_without_policies_nothing_is_denied() -> None:
    assert LanReach().denied_lans(node("a")) == ()
    assert LanReach().online(node("a"))

"""Least privilege in direct links."""

from __future__ import annotations

from itertools import combinations

import pytest

from tests.support.policy_networks import policy_network
from tests.support.policy_oracle import random_policies

HEAD = """
meshc: 1
network: {name: n, addresses: 10.44.0.0/24}
nodes:
  hub: {role: relay, endpoint: 198.51.100.1}
  a: {endpoint: 198.51.100.2}
  b: {}
  phone: {platform: ios}
  nas: {routes: 192.168.7.0/24, endpoint: 198.51.100.3}
"""


def links(policies: str) -> set[tuple[str, str]]:
    graph = policy_network(HEAD + policies).analysis.graph
    return {(link.a, link.b) for link in graph.links()} - {
        (name, "hub") if name < "hub" else ("hub", name) for name in graph.names
    }


def test_a_pair_without_allowed_traffic_has_no_link() -> None:
    assert links("policies: [{from: b, to: a, allow: tcp/22}]") == {("a", "b")}


def test_the_lan_behind_a_node_counts_as_the_node() -> None:
    assert links('policies: [{from: b, to: "nas:lan", allow: icmp}]') == {("b", "nas")}
    assert links('policies: [{from: "nas:lan", to: b, allow: icmp}]') == {("b", "nas")}


def test_a_link_to_who_cannot_filter_exists_only_where_all_that_it_carries_is_allowed() -> None:
    assert links("policies: [{from: a, to: phone, allow: tcp/22}]") == set()
    assert links("policies: [{from: a, to: phone}]") == {("a", "phone")}
    # what the phone sends, the other end filters
    assert links("policies: [{from: phone, to: a, allow: tcp/22}, {from: a, to: phone}]") == {
        ("a", "phone")
    }
    # the LAN behind nas could send to the phone as well
    assert links("policies: [{from: nas, to: phone}]") == set()
    assert links('policies: [{from: [nas, "nas:lan"], to: phone}]') == {("nas", "phone")}


@pytest.mark.parametrize("seed", range(40))
def test_no_link_between_leaves_that_may_not_speak(seed: int) -> None:
    network = policy_network(random_policies(seed))
    graph, oracle = network.analysis.graph, network.oracle
    for a, b in combinations(graph.names, 2):
        one, other = network.spec.nodes[a], network.spec.nodes[b]
        if one.is_relay or other.is_relay or not graph.linked(a, b):
            continue
        sides = [
            [*map(str, oracle.addresses[n]), *(str(lan[h]) for lan in oracle.lans[n]
                                               for h in (5, 9, 70))]
            for n in (a, b)
        ]  # fmt: skip
        tried = [("tcp", 22), ("tcp", 85), ("tcp", 100), ("udp", 53), ("icmp", 0), ("tcp", 9)]
        assert any(
            oracle.allows(x, y, *service)
            for here, there in (sides, sides[::-1])
            for x in here
            for y in there
            if (":" in x) == (":" in y)
            for service in tried
        ), (a, b)

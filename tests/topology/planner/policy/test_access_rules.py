"""The rows of a node, against the words of the file."""

from __future__ import annotations

import pytest

from meshc.prefixes import Prefix, parse_address
from meshc.topology.language.spec import Service
from meshc.topology.obligations.access import covers
from meshc.topology.planner.policy.flow_rules import AccessRules
from tests.support.policy_networks import PolicyNetwork, policy_network
from tests.support.policy_oracle import random_policies

SERVICES = [Service("tcp", 22, 22), Service("tcp", 85, 85), Service("udp", 53, 53), Service("icmp")]


def passes(rules: AccessRules, source: Prefix, target: Prefix, service: Service) -> bool:
    rows = [row for row in rules.rows if any(p.contains(source) for p in row.sources)]
    assert len(rows) < 2, "a source stands in one row"
    grants = [g for row in rows for g in row.grants if any(p.contains(target) for p in g.targets)]
    assert len(grants) < 2, "a target stands in one grant of a row"
    return any(covers(one, service) for grant in grants for one in grant.services)


def everywhere(network: PolicyNetwork) -> list[Prefix]:
    oracle = network.oracle
    found = [str(a) for some in oracle.addresses.values() for a in some]
    found += [str(lan[n]) for some in oracle.lans.values() for lan in some for n in (5, 9, 70)]
    return [*map(Prefix.host, [*found, "1.1.1.1", "10.44.0.200"])]


@pytest.mark.parametrize("seed", range(15))
def test_a_node_lets_begin_what_the_file_allows_and_no_more(seed: int) -> None:
    """A relay knows about everything; others about what is theirs, and never more than allowed."""
    network = policy_network(random_policies(seed))
    hosts = everywhere(network)
    looked_at = 0
    for node in network.plan.nodes.values():
        for family in node.firewall:
            rules = family.access
            if rules is None:
                continue
            for source in hosts:
                for target in hosts:
                    if {source.family, target.family} != {family.family}:
                        continue
                    mine = any(p.contains(target) for p in rules.inbound) or any(
                        p.contains(source) for p in rules.lans
                    )
                    # an exit is for its users, whom the proof knows as well
                    beyond = target.address == "1.1.1.1"
                    for service in SERVICES:
                        wanted = network.oracle.allows(
                            source.address, target.address, service.protocol, service.first
                        )
                        there = passes(rules, source, target, service)
                        assert not there or wanted, (node.name, source, target, service)
                        if not beyond and (mine or node.spec.is_relay):
                            assert there == wanted, (node.name, source, target, service)
                            looked_at += 1
    assert looked_at


def test_a_leaf_that_cannot_filter_has_no_rules() -> None:
    text = """
meshc: 1
network: {name: n, addresses: 10.44.0.0/24}
nodes: {hub: {role: relay, endpoint: 198.51.100.1}, phone: {platform: ios}, a: {}}
policies: [{from: a, to: phone, allow: tcp/80}]
"""
    plan = policy_network(text).plan
    assert plan.nodes["phone"].firewall == ()
    (rules,) = plan.nodes["a"].firewall
    assert rules.access == AccessRules((address(plan.nodes["a"].addresses[0].address),), (), (),
                                       (Prefix.parse("10.44.0.0/24"),))  # fmt: skip
    assert not rules.forwards


def address(text: str) -> Prefix:
    return Prefix.host(parse_address(text))

"""Which ports a lab tries between two ends: what rules allow, and right beside."""

from __future__ import annotations

from meshc.lab.report.lab_report import Key
from meshc.lab.report.port_choice import ALWAYS, beside, inside, kinds_between, thinned
from meshc.prefixes import Prefix
from meshc.topology.language.spec import Service
from meshc.topology.obligations.access import Access, covers
from tests.support.policy_networks import policy_network
from tests.support.policy_oracle import random_policies

TEXT = """
meshc: 1
network: {name: n, addresses: 10.44.0.0/24}
nodes:
  hub: {role: relay, endpoint: hub.example-vpn.dev, address: 10.44.0.1}
  a: {address: 10.44.0.2}
  b: {address: 10.44.0.3}
  c: {address: 10.44.0.4}
policies:
  - {from: a, to: b, allow: tcp/8000-8100}
  - {from: c, to: b, allow: udp/53}
  - {from: b, to: a, allow: tcp/22}
"""


def between(text: str, source: str, target: str) -> set[tuple[str, int]]:
    network = policy_network(text)
    access = Access.of(network.spec, network.analysis.allocation.addresses)
    assert access is not None
    return set(kinds_between(access, Prefix.host(source), Prefix.host(target)))


def test_the_ends_of_a_range_and_their_neighbours() -> None:
    service = Service("tcp", 8000, 8100)
    assert list(inside(service)) == [("tcp", 8000), ("tcp", 8100)]
    assert list(beside(service)) == [("tcp", 7999), ("tcp", 8101), ("udp", 8000)]
    assert list(beside(Service("udp", 1, 65535))) == [("tcp", 1)]
    assert list(beside(Service("tcp"))) == list(beside(Service())) == []
    assert list(inside(Service("icmp"))) == []


def test_a_pair_is_tried_with_what_concerns_either_end() -> None:
    """Its own rule with both edges; what others may at this target; what the target may here."""
    found = between(TEXT, "10.44.0.2", "10.44.0.3")
    own = {("tcp", 8000), ("tcp", 8100), ("tcp", 7999), ("tcp", 8101), ("udp", 8000)}
    assert found == own | {("udp", 53), ("tcp", 22)} | set(ALWAYS)


def test_a_pair_without_a_rule_is_tried_with_the_rules_of_others() -> None:
    assert between(TEXT, "10.44.0.4", "10.44.0.2") == {("tcp", 22), ("udp", 53), *ALWAYS}


def test_every_rule_of_random_policies_is_met_inside_and_outside() -> None:
    """Whoever is allowed a port is tried with one, and with one that he is not allowed."""
    for seed in range(30):
        network = policy_network(random_policies(seed))
        addresses = network.analysis.allocation.addresses
        access = Access.of(network.spec, addresses)
        assert access is not None
        for one in addresses.values():
            for other in addresses.values():
                rules = access.allowing(4, one[0].value, other[0].value)
                services = access.services(rules)
                kinds = kinds_between(access, one[0], other[0])
                allowed = [
                    any(covers(s, Service(protocol, port, port)) for s in services)
                    for protocol, port in kinds
                ]
                ported = [s for s in services if s.protocol != "icmp"]
                assert any(allowed) is bool(ported)
                whole = {s.protocol for s in services if s == Service(s.protocol)}
                assert "all" in whole or {"tcp", "udp"} <= whole or not all(allowed)


def test_too_many_trials_are_thinned_by_name_and_those_of_rules_stay() -> None:
    kinds = tuple(("tcp", port) for port in range(1, 101))
    wanted = {Key("a", f"n{n}", 4): kinds for n in range(100)}
    full = [Key("a", "n7", 4)]
    few = thinned(wanted, full, 2_000)
    assert few[full[0]] == kinds
    assert 1_000 < sum(map(len, few.values())) < 3_000
    assert few == thinned(wanted, full, 2_000)
    assert thinned(wanted, full, 10_000) == wanted

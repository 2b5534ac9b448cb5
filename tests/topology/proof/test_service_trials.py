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

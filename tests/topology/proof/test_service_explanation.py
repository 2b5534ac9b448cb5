"""One service from one host to another, and back."""

from __future__ import annotations

import pytest

from meshc.topology.language.spec import Service
from meshc.topology.obligations.obligations import obligations
from meshc.topology.proof.service_explanation import ServiceStory, explain_service
from tests.support.policy_networks import PolicyNetwork, policy_network

TEXT = """
meshc: 1
network: {name: n, addresses: 10.44.0.0/24}
nodes:
  hub: {role: relay, endpoint: 198.51.100.1}
  con: {}
  erp: {routes: 192.168.7.0/24}
policies:
  - {from: con, to: erp, allow: tcp/443, why: "ticket 1234"}
  - {from: con, to: 192.168.7.5, allow: icmp}
"""


@pytest.fixture(scope="module")
def network() -> PolicyNetwork:
    return policy_network(TEXT)


def told(network: PolicyNetwork, a: str, b: str, service: Service) -> ServiceStory:
    proof = network.proof(network.files())
    access = obligations(network.spec, network.analysis.allocation.addresses).access
    return explain_service(proof.network, access, a, b, service)


def test_the_rule_that_lets_it_through_is_named(network: PolicyNetwork) -> None:
    story = told(network, "con", "erp", Service("tcp", 443, 443))
    (leg,) = story.legs
    assert story.works
    assert [rule.why for rule in leg.rules] == ["ticket 1234"]
    assert leg.back is not None
    assert (leg.there.path, leg.back.path) == (("con", "hub", "erp"), ("erp", "hub", "con"))


def test_without_a_rule_what_else_may_pass_is_told(network: PolicyNetwork) -> None:
    story = told(network, "con", "erp", Service("tcp", 80, 80))
    assert not story.works
    assert story.legs[0].instead == (Service("tcp", 443, 443),)
    assert told(network, "erp", "con", Service("tcp", 443, 443)).legs[0].instead == ()


def test_a_host_on_a_lan(network: PolicyNetwork) -> None:
    assert told(network, "con", "192.168.7.5", Service("icmp")).works
    assert not told(network, "con", "192.168.7.6", Service("icmp")).works

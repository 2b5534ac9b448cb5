"""Ends of a test become nodes and atoms: a host of a LAN stands behind its router."""

from __future__ import annotations

import numpy as np

from meshc.prefixes import Prefix, address_text
from meshc.topology.obligations.claim import ClaimEnd
from meshc.topology.proof.claim_host import node_hosts, node_numbers, outside_hosts
from tests.support.planted import proof
from tests.support.wire_examples import lan_example

PROOF = proof(lan_example())
PLANE = PROOF.planes[4]
NUMBER = {name: n for n, name in enumerate(PROOF.names)}


def test_a_node_is_a_host_at_its_own_address() -> None:
    numbers = node_numbers(ClaimEnd(names=("phone", "stranger")), NUMBER, PLANE.fib)
    (host,) = node_hosts(numbers, PROOF.names, PLANE.fib)
    assert host.written == "phone"
    assert not host.outside
    assert np.array_equal(numbers, [NUMBER["phone"]])


def test_a_host_of_a_lan_lies_behind_its_router() -> None:
    end = ClaimEnd(prefixes=(Prefix.parse("192.168.1.20"),))
    (host,) = outside_hosts(end, PLANE, sender=True)
    assert PROOF.names[host.node] == "home-server"
    assert address_text(4, host.address) == "192.168.1.20"


def test_the_internet_receives_and_never_sends() -> None:
    end = ClaimEnd(prefixes=(Prefix.parse("1.1.1.1"), Prefix.parse("fd00::1")))
    assert list(outside_hosts(end, PLANE, sender=True)) == []
    (host,) = outside_hosts(end, PLANE, sender=False)
    assert host.node == -1

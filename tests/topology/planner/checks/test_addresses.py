"""Fixed addresses that cannot be."""

from __future__ import annotations

import pytest

from meshc.topology.planner.checks.addresses import check_addresses
from tests.support import specs
from tests.support.findings import lines
from tests.support.specs import node


@pytest.mark.parametrize(
    ("address", "pools", "expected"),
    [
        (
            "10.45.0.1",
            "10.44.0.0/24 fd44::/64",
            "11 E300 10.45.0.1 of 'a' is outside the pools 10.44.0.0/24 and fd44::/64",
        ),
        (
            "10.44.0.0",
            "10.44.0.0/24",
            "11 E301 10.44.0.0 of 'a' is the network address of 10.44.0.0/24",
        ),
        (
            "10.44.0.255",
            "10.44.0.0/24",
            "11 E301 10.44.0.255 of 'a' is the broadcast address of 10.44.0.0/24",
        ),
        (
            "fd44::",
            "fd44::/64",
            "11 E301 fd44:: of 'a' is the subnet-router anycast address of fd44::/64",
        ),
    ],
)
def test_an_address_that_no_node_can_have(address: str, pools: str, expected: str) -> None:
    assert lines(check_addresses, specs.spec([node("a", address=address)], pools=pools)) == [
        expected
    ]


def test_an_address_given_twice() -> None:
    spec = specs.spec([node("a", address="10.44.0.9"), node("b", address="10.44.0.9")])
    assert lines(check_addresses, spec) == ["21 E302 'b' and 'a' both have the address 10.44.0.9"]


@pytest.mark.parametrize(
    ("address", "pool"), [("10.44.0.0", "10.44.0.0/31"), ("fd44::", "fd44::/127")]
)
def test_a_pair_of_addresses_has_no_reserved_one(address: str, pool: str) -> None:
    """RFC 3021 and RFC 6164."""
    assert lines(check_addresses, specs.spec([node("a", address=address)], pools=pool)) == []

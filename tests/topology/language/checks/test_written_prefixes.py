"""Prefixes as written: what is not complained about."""

from __future__ import annotations

import pytest

from tests.support.language_codes import codes


@pytest.mark.parametrize(
    "pool", ["10.0.0.0/8", "172.20.0.0/16", "192.168.4.0/24", "100.64.0.0/10", '"fd12::/48"']
)
def test_private_pools_are_fine(pool: str) -> None:
    assert codes("a: {}", pools=pool) == []


@pytest.mark.parametrize("pool", ["9.0.0.0/8", "10.0.0.0/7", '"2a00::/48"', '"2001:db8::/64"'])
def test_public_pools_are_not(pool: str) -> None:
    assert set(codes("a: {}", pools=pool)) == {"W154"}

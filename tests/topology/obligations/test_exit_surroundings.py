"""What an exit must not lead to."""

from __future__ import annotations

import pytest

from meshc.prefixes import Prefix
from meshc.topology.obligations.exit_surroundings import SURROUNDINGS


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("169.254.169.254", True),
        ("168.63.129.16", True),
        ("10.1.2.3", True),
        ("255.255.255.255", True),
        ("1.1.1.1", False),
        ("fd00:ec2::254", True),
        ("fe80::1", True),
        ("2606:4700::1111", False),
    ],
)
def test_private_and_metadata_addresses_are_no_internet(text: str, near: bool) -> None:
    one = Prefix.parse(text)
    assert any(prefix.contains(one) for prefix in SURROUNDINGS[one.family]) is near

"""The prefix that decides is the longest that holds the address."""

from __future__ import annotations

from meshc.prefixes import Prefix
from meshc.topology.proof.longest_match import longest

IP = 0x0A2C0005  # 10.44.0.5


def test_longest_match() -> None:
    prefixes = [Prefix.parse(p) for p in ("0.0.0.0/0", "10.0.0.0/8", "10.44.0.5/32", "::/0")]
    assert longest(prefixes, 4, IP) == Prefix.parse("10.44.0.5/32")
    assert longest(prefixes, 4, 1) == Prefix.parse("0.0.0.0/0")
    assert longest(prefixes[1:], 4, 1) is None

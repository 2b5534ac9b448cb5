"""The order of relays: the same on every machine, whatever the order of the file."""

from __future__ import annotations

from meshc.topology.planner.routing.relay_rank import stable_hash, via_penalty
from tests.support.specs import node


def test_the_hash_never_changes() -> None:
    """It decides which relay carries what: a new value would move traffic of every network."""
    assert stable_hash("relay rank", "hub") == 0x3F4D328D84B14EFB
    assert stable_hash("a", "b") != stable_hash("ab")


def test_penalties_follow_via() -> None:
    relays = [node(n, relay=True) for n in ("a", "b", "c")]
    leaf = node("leaf", via=("b", "a"))
    assert [via_penalty(leaf, relay) for relay in relays] == [1, 0, 2]
    assert [via_penalty(node("plain"), relay) for relay in relays] == [0, 0, 0]
    assert via_penalty(leaf, node("peer")) == 0

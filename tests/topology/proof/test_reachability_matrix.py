"""Verdicts for all pairs, from one packet per pair of classes."""

from __future__ import annotations

from unittest.mock import patch

from meshc.topology.proof import fib, prove
from tests.support.wire import FORWARD, Wire


def sites(count: int) -> Wire:
    """A relay, and sites of two leaves each that speak to each other directly."""
    wire = Wire("10.44.0.0/24")
    wire.add("relay", "10.44.0.1/32", endpoint="198.51.100.1:51820", relay=True)
    wire.nodes["relay"].post_up += FORWARD
    for site in range(count):
        pair = [f"s{site}a", f"s{site}b"]
        for n, name in enumerate(pair):
            address = f"10.44.0.{10 + 2 * site + n}/32"
            wire.add(name, address, endpoint=f"203.0.113.{2 * site + n}:51820")
            wire.peer(name, "relay", "10.44.0.0/24")
            wire.peer("relay", name, address)
        for a, b in (pair, pair[::-1]):
            wire.peer(a, b, wire.nodes[b].addresses[0])
    return wire


def test_special_pairs_are_traced_for_themselves() -> None:
    wire = sites(6)
    with patch.object(fib, "LARGE", 0):
        proof = prove(wire.files(), wire.expectation())
    matrix = proof.matrices[4]
    assert matrix.counts == (13 * 12, 13 * 12, 24 + 12)
    assert sorted(matrix.classes.size) == [1, 12]
    assert len(matrix.special) == 12
    assert proof.hops("s0a", "s0b", 4) == 1
    assert proof.hops("s0a", "s1b", 4) == 2
    assert proof.path("s0a", "s0b", 4) == ("s0a", "s0b")
    assert proof.path("s0a", "s1b", 4) == ("s0a", "relay", "s1b")


def test_a_loss_is_told_of_a_pair_that_is_lost() -> None:
    wire = sites(6)
    wire.nodes["relay"].post_up.clear()
    with patch.object(fib, "LARGE", 0):
        proof = prove(wire.files(), wire.expectation())
    (loss,) = proof.matrices[4].losses.values()
    assert loss.pairs == 12 * 10
    assert proof.names[loss.source][:2] != proof.names[loss.target][:2]
    (found,) = proof.findings
    assert found.message == (
        "s0a → s1a: relay drops it: IPv4 forwarding is off (120 pairs are lost this way)"
    )


def test_classes_and_single_nodes_count_the_same() -> None:
    wire = sites(4)
    wire.nodes["s2a"].peers["s2b"].psk = None
    counts = []
    for large in (0, 10_000):
        with patch.object(fib, "LARGE", large):
            proof = prove(wire.files(), wire.expectation())
        counts.append((proof.counts, [f.message for f in proof.findings]))
    assert counts[0] == counts[1]

"""Plain walks are a short cut: the matrix is the same as when every packet is traced."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.topology.proof import Proof, plain_walks, prove, reachability_matrix
from tests.support.random_wire import random_wire, spoil
from tests.support.wire import Wire, forward


def proven(wire: Wire, many: int, batch: int = 1 << 18) -> Proof:
    """With the short cut from so many classes on, and so many pairs at a time."""
    with (
        patch.object(plain_walks, "MANY", many),
        patch.object(reachability_matrix, "_PLAIN_BATCH", batch),
    ):
        return prove(wire.files(), wire.expectation())


def told(proof: Proof) -> list[Any]:
    """All that a matrix says."""
    return [
        proof.findings,
        proof.failures,
        [
            (
                family, matrix.hops.tolist(), matrix.losses, matrix.usage, matrix.path_mtu,
                matrix.special_hops.tolist(), matrix.counts, matrix.apart, matrix.unjudged,
            )
            for family, matrix in proof.matrices.items()
        ],
    ]  # fmt: skip


def same(wire: Wire, batch: int = 1 << 18) -> None:
    assert told(proven(wire, 0, batch)) == told(proven(wire, 10**9))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 3), st.sampled_from([1, 40, 1 << 18]))
def test_random_networks(seed: int, faults: int, batch: int) -> None:
    rng = random.Random(seed)
    wire = random_wire(rng)
    for _ in range(faults):
        spoil(wire, rng)
    same(wire, batch)


RELAYS, LEAVES = ("a", "b", "c"), tuple(f"leaf{n}" for n in range(6))


def spared() -> Wire:
    """Leaves with two of three relays each, which stand in for each other, over both families."""
    wire = Wire("10.44.0.0/24", "fd44::/64")

    def own(*some: str) -> list[str]:
        numbers = [1 + [*RELAYS, *LEAVES].index(name) for name in some]
        return [text for n in numbers for text in (f"10.44.0.{n}/32", f"fd44::{n}/128")]

    for n, name in enumerate(RELAYS):
        wire.add(name, *own(name), endpoint=f"198.51.100.{n + 1}:51820", relay=True)
        wire.nodes[name].post_up += (*forward(4), *forward(6))
    for n, name in enumerate(LEAVES):
        wire.add(name, *own(name))
        for relay, allowed in (
            (n % 3, ["10.44.0.0/24", "fd44::/64"]),
            ((n + 1 + n // 3) % 3, []),
        ):
            wire.peer(name, RELAYS[relay], allowed, keepalive=25)
            wire.peer(RELAYS[relay], name, own(name) if allowed else [])
    for n, name in enumerate(RELAYS):
        for other in (*RELAYS[:n], *RELAYS[n + 1 :]):
            wire.peer(name, other, own(other, *LEAVES[RELAYS.index(other) :: 3]))
    return wire


def test_over_two_relays() -> None:
    """Not one packet has to be traced, and two families that are alike are looked at once."""
    wire = spared()
    with patch.object(reachability_matrix, "trace_batch", side_effect=AssertionError):
        proof = proven(wire, 0)
    assert not [found for found in proof.findings if found.severity.name == "ERROR"]
    assert proof.hops("leaf0", "leaf1", 4) == proof.hops("leaf0", "leaf1", 6) == 3
    assert proof.hops("leaf0", "leaf3", 4) == 2
    same(wire)
    same(wire, 30)


def forget(wire: Wire) -> None:
    wire.nodes["b"].peers["leaf1"].allowed.pop(0)


def mistrust(wire: Wire) -> None:
    """The relay of leaf1 takes what comes from leaf0 from another relay only."""
    wire.nodes["b"].peers["c"].allowed.append("10.44.0.4/32")
    wire.nodes["b"].peers["a"].allowed.remove("10.44.0.4/32")


def detour(wire: Wire) -> None:
    wire.nodes["leaf0"].peers["b"].allowed.append("fd44::5/128")


def refuse(wire: Wire) -> None:
    wire.nodes["a"].post_up.remove("sysctl -w net.ipv4.ip_forward=1")


def filter_one(wire: Wire) -> None:
    wire.nodes["a"].post_up.insert(1, "iptables -w -A MESHC-FWD-%i -s 10.44.0.4 -j DROP")


def cut(wire: Wire) -> None:
    wire.nodes["a"].peers["b"].psk = None


def narrow(wire: Wire) -> None:
    wire.nodes["a"].mtu = 1380


def alone(wire: Wire) -> None:
    del wire.nodes["leaf0"].peers["b"]


def circle(wire: Wire) -> None:
    """What is for leaf1 goes from relay to relay."""
    for name, to in (("a", "c"), ("b", "a"), ("c", "b")):
        for peer in wire.nodes[name].peers.values():
            peer.allowed = [text for text in peer.allowed if text != "10.44.0.5/32"]
        wire.nodes[name].peers[to].allowed.append("10.44.0.5/32")


@pytest.mark.parametrize(
    "fault", [forget, mistrust, detour, refuse, filter_one, cut, narrow, alone, circle]
)
def test_faults_are_told_alike(fault: Callable[[Wire], None]) -> None:
    wire = spared()
    before = told(proven(wire, 0))
    fault(wire)
    assert told(proven(wire, 0)) != before
    same(wire)
    same(wire, 30)

"""The fast prover against the walk, and what it finds."""

from __future__ import annotations

import random
from unittest.mock import patch

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from meshc.topology.proof import fib, prove
from meshc.topology.proof.drop import LossReason
from meshc.topology.proof.network_model import NetworkModel
from meshc.topology.proof.reachability_matrix import NOT_JUDGED
from meshc.topology.proof.trace_batch import ENDS
from meshc.topology.proof.walk import walk_pair
from tests.support.random_wire import random_wire, spoil
from tests.support.wire import Wire, main_example


def agree(wire: Wire) -> None:
    """Every ordered pair in every family: same verdict, same path, same fault."""
    files, expected = wire.files(), wire.expectation()
    proof = prove(files, expected)
    network = NetworkModel.build(files, expected)
    keys = [model.key for model in network.models.values() if model.key]
    if len(set(keys)) < len(keys):
        # two nodes with one key are one peer to everybody: there is nothing to agree on
        assert any(f.code == "E403" and "same key" in f.message for f in proof.findings)
        return
    for family in proof.families:
        matrix = proof.matrices[family]
        lost = 0
        for a in proof.names:
            for b in proof.names:
                hops = proof.hops(a, b, family)
                if a == b or hops == -1:
                    continue
                trace = walk_pair(network, a, b, family)
                good = trace.delivered and trace.path[-1] == b
                if trace.drop is not None and trace.drop.reason is LossReason.UNJUDGED:
                    assert hops == NOT_JUDGED, trace.text
                else:
                    assert hops == (len(trace.path) - 1 if good else 0), trace.text
                assert proof.path(a, b, family) == (trace.path if good else None)
                lost += not good
        for loss in matrix.losses.values():
            hops = proof.hops(proof.names[loss.source], proof.names[loss.target], family)
            open_ = ENDS.index(LossReason.UNJUDGED) == loss.code
            assert hops == (NOT_JUDGED if open_ else 0)
        assert sum(loss.pairs for loss in matrix.losses.values()) == lost
        assert matrix.counts[0] - matrix.counts[1] == lost


def test_the_main_example_holds() -> None:
    wire = main_example()
    agree(wire)
    proof = prove(wire.files(), wire.expectation())
    assert proof.holds
    assert proof.counts == (20, 20, 14)
    assert [f.code for f in proof.findings] == ["W418"]
    (failure,) = proof.failures
    assert (failure.relay, failure.pairs, failure.stranded) == ("public-server1", 6, 6)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.integers(0, 4))
@example(420, 3)  # the first node shares its address with a relay
def test_fast_and_slow_agree(seed: int, faults: int) -> None:
    rng = random.Random(seed)
    wire = random_wire(rng)
    for _ in range(faults):
        spoil(wire, rng)
    agree(wire)
    # as in a large network, where direct neighbours of leaves are kept out of the tables
    with patch.object(fib, "LARGE", 0):
        agree(wire)

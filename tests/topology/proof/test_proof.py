"""The fast prover against the walk, and what it finds."""

from __future__ import annotations

import random
from unittest.mock import patch

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from meshc.topology.proof import fib, prove
from meshc.topology.proof.drop import Drop, LossReason
from meshc.topology.proof.expectation import Expectation
from meshc.topology.proof.loss_findings import asleep_by_choice
from meshc.topology.proof.network_model import NetworkModel
from meshc.topology.proof.reachability_matrix import NOT_JUDGED
from meshc.topology.proof.trace_batch import ENDS
from meshc.topology.proof.walk import Trace, walk, walk_pair
from tests.support.policy_networks import OFFICE, policy_network
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
            a, b = proof.names[loss.source], proof.names[loss.target]
            assert proof.hops(a, b, family) in (0, NOT_JUDGED)
            drop = cause(network, expected, walk_pair(network, a, b, family))
            # in a large network a leaf that cannot pass a packet on may refuse its source instead
            if drop is not None and fib.LARGE:
                at = proof.names[loss.at]
                assert (ENDS[loss.code], at) == (drop.reason, drop.at), f"{a} → {b}: {drop.text}"
        assert sum(loss.pairs for loss in matrix.losses.values()) == lost
        assert matrix.counts[0] - matrix.counts[1] == lost


def cause(network: NetworkModel, expected: Expectation, trace: Trace) -> Drop | None:
    """Why a packet is lost. Who is asleep by choice speaks first: then it is the answer, and the
    cause is that of the answer, if that is lost as well."""
    if trace.drop is None or not asleep_by_choice(trace.drop, expected):
        return trace.drop
    answer = trace.packet._replace(established=True)
    return walk(network, trace.origin, answer, target=trace.target).drop or trace.drop


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
@given(st.integers(0, 2**32), st.integers(0, 4), st.booleans())
@example(420, 3, False)  # the first node shares its address with a relay
@example(454, 4, False)  # relays are asleep, and an answer would meet what cannot be judged
@example(454, 4, True)
@example(1304247753, 3, False)  # a source belongs to a key that is no node's
def test_fast_and_slow_agree(seed: int, faults: int, silent: bool) -> None:
    rng = random.Random(seed)
    wire = random_wire(rng)
    for _ in range(faults):
        spoil(wire, rng)
    if silent:
        wire.silent = dict.fromkeys(wire.nodes, 0)
    agree(wire)
    # as in a large network, where direct neighbours of leaves are kept out of the tables
    with patch.object(fib, "LARGE", 0):
        agree(wire)


def test_pairs_are_separate_where_the_rules_leave_nothing() -> None:
    network = policy_network(OFFICE.format(platform="linux"))
    proof = network.proof(network.files())
    assert not proof.separate("b", "a")
    assert proof.separate("a", "b"), "answers alone are not the beginning of anything"
    assert proof.separate("b", "guest")
    assert ("b", "guest") in proof.verdict().apart
    assert ("b", "a") not in proof.verdict().apart

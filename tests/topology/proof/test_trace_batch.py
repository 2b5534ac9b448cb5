"""Packets in arrays fare as the walk says, wherever they come from and wherever they go."""

from __future__ import annotations

import random
from unittest.mock import patch

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meshc.topology.proof import fib, prove
from meshc.topology.proof.network_model import NetworkModel
from meshc.topology.proof.policy_routing import RouteKind
from meshc.topology.proof.trace_batch import ARRIVED, ENDS, IN_LAN, OUT, PacketBatch, trace_batch
from meshc.topology.proof.walk import Packet, Trace, walk
from tests.support.random_wire import random_wire, spoil
from tests.support.wire import Wire

KINDS = {ARRIVED: RouteKind.OWN, IN_LAN: RouteKind.LAN, OUT: RouteKind.UPLINK}


def twins(wire: Wire) -> bool:
    """Two nodes with one key: the proof tells that (E403), and which of them a packet then
    reaches is open, also where one of them has no file."""
    keys = [node.key for node in wire.nodes.values()]
    return len(set(keys)) < len(keys)


def compare(wire: Wire, rng: random.Random) -> None:
    """Random packets between any atoms, first ones and answers."""
    files, expected = wire.files(), wire.expectation()
    proof, network = prove(files, expected), NetworkModel.build(files, expected)
    for family, plane in proof.planes.items():
        cuts = plane.fib
        top = 1 << (32 if family == 4 else 128)
        atoms = [a for a in range(len(cuts.owner)) if cuts.first(a) < top]
        for _ in range(40):
            origin = rng.randrange(len(proof.names))
            source = int(cuts.home[origin])
            if source < 0 or rng.random() < 0.3:
                source = rng.choice(atoms)
            target, established = rng.choice(atoms), rng.random() < 0.5
            batch = PacketBatch(
                np.array([origin], np.int32),
                np.array([source], np.int32),
                np.array([target], np.int32),
                established,
                exact=True,
            )
            packet = Packet(family, cuts.first(source), cuts.first(target), established)
            trace = walk(network, proof.names[origin], packet)
            traces = trace_batch(plane, batch)
            told(trace, int(traces.result[0]), proof.names[int(traces.at[0])])
            relays = [proof.names[n] for n in traces.relays[1].tolist()]
            if trace.delivered:
                assert int(traces.hops[0]) == len(trace.path) - 1
                assert relays == list(trace.path[1:-1])


def told(trace: Trace, result: int, at: str) -> None:
    """The same end at the same node, or the same reason."""
    if trace.drop is None:
        assert KINDS[result] is trace.way, trace.text
        assert at == trace.path[-1], trace.text
    else:
        assert result < len(ENDS), trace.text
        assert ENDS[result] is trace.drop.reason, trace.text
        assert at == trace.drop.at, trace.text


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 3))
@example(202, 0)  # an unmanaged node whose exit does not list it
@example(670, 2)  # an unmanaged node and another with its key
def test_random_packets(seed: int, faults: int) -> None:
    rng = random.Random(seed)
    wire = random_wire(rng)
    for _ in range(faults):
        spoil(wire, rng)
    if twins(wire):
        return
    compare(wire, rng)
    with patch.object(fib, "LARGE", 0):
        compare(wire, rng)

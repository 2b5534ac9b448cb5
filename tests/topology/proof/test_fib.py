"""Rows of atoms say what the node's own lookups say."""

from __future__ import annotations

import random
from unittest.mock import patch

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.topology.proof import fib, prove
from meshc.topology.proof.fib import LAN, NO_PEER, UPLINK
from meshc.topology.proof.network_model import NetworkModel
from meshc.topology.proof.peer_table import NOBODY
from meshc.topology.proof.policy_routing import RouteKind
from tests.support.random_wire import random_wire, spoil
from tests.support.wire import Wire, main_example


def check(wire: Wire) -> None:
    """Every node that has a file, every atom: kernel route, then cryptokey route."""
    files, expected = wire.files(), wire.expectation()
    proof, network = prove(files, expected), NetworkModel.build(files, expected)
    for family, plane in proof.planes.items():
        made, top = plane.fib, 1 << (32 if family == 4 else 128)
        for n, name in enumerate(proof.names):
            model = network.model(name)
            if model.conf is None:
                continue
            for atom in range(len(made.owner)):
                address = made.first(atom)
                if address >= top or model.owns(family, address):
                    continue
                one, at = np.array([n], np.int32), np.array([atom], np.int32)
                key, _ = model.peer_for(family, address)
                peer = network.with_key(key) if key is not None else None
                number = NO_PEER if key is None else NOBODY
                if peer is not None:
                    number = proof.names.index(peer.name)
                assert made.believed(one, at)[0] == number
                way, _ = model.route(family, address)
                expected_hop = {RouteKind.LAN: LAN, RouteKind.UPLINK: UPLINK}.get(way, number)
                assert made.next_hop(one, at)[0] == expected_hop


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 5))
def test_every_atom_of_every_node(seed: int, faults: int) -> None:
    rng = random.Random(seed)
    wire = random_wire(rng)
    for _ in range(faults):
        spoil(wire, rng)
    check(wire)
    with patch.object(fib, "LARGE", 0):
        check(wire)


def test_leaves_share_a_row() -> None:
    wire = main_example()
    made = prove(wire.files(), wire.expectation()).planes[4].fib
    # home-server, laptop and phone; the two servers have their own
    assert len(made.route) == 3
    assert len(set(made.row_of[:3])) == 1

"""Sessions judged in arrays equal sessions judged one by one."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.topology.proof.drop import Reason
from meshc.topology.proof.peer_table import read_columns
from meshc.topology.proof.session_rules import session_fault
from meshc.topology.proof.session_table import FAULTS, judge_edges
from meshc.topology.proof.walk import World
from tests.support.random_wire import random_wire, spoil
from tests.support.wire import main_example


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 6))
def test_every_edge(seed: int, faults: int) -> None:
    rng = random.Random(seed)
    wire = random_wire(rng)
    for _ in range(faults):
        spoil(wire, rng)
    world = World.build(wire.files(), wire.expectation())
    keys = [s.key for s in world.stations.values() if s.key is not None]
    if len(set(keys)) < len(keys):
        return
    columns = read_columns(wire.files(), wire.expectation())
    edges = judge_edges(columns)
    names = columns.names
    for frm, to, fault in zip(edges.frm, edges.to, edges.fault, strict=True):
        here, there = world.station(names[frm]), world.station(names[to])
        expected = Reason.OWN_KEY if here is there else session_fault(here, there)
        assert FAULTS[fault] is expected, (names[frm], names[to])


def test_edges_are_found_by_their_ends() -> None:
    wire = main_example()
    edges = judge_edges(read_columns(wire.files(), wire.expectation()))
    assert len(edges.key) == 14
    assert list(edges.find(edges.frm, edges.to)) == list(range(14))
    assert list(edges.frm[edges.back]) == list(edges.to)

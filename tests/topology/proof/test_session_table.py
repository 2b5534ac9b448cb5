"""Sessions judged in arrays equal sessions judged one by one."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.topology.proof.drop import LossReason
from meshc.topology.proof.network_model import NetworkModel
from meshc.topology.proof.peer_table import read_peer_table
from meshc.topology.proof.session_rules import session_fault
from meshc.topology.proof.session_table import FAULTS, judge_sessions
from tests.support.random_wire import random_wire, spoil
from tests.support.wire import main_example


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 6))
def test_every_session(seed: int, faults: int) -> None:
    rng = random.Random(seed)
    wire = random_wire(rng)
    for _ in range(faults):
        spoil(wire, rng)
    network = NetworkModel.build(wire.files(), wire.expectation())
    keys = [s.key for s in network.models.values() if s.key is not None]
    if len(set(keys)) < len(keys):
        return
    table = read_peer_table(wire.files(), wire.expectation())
    sessions = judge_sessions(table)
    names = table.names
    for frm, to, fault in zip(sessions.frm, sessions.to, sessions.fault, strict=True):
        here, there = network.model(names[frm]), network.model(names[to])
        expected = LossReason.OWN_KEY if here is there else session_fault(here, there)
        assert FAULTS[fault] is expected, (names[frm], names[to])


def test_sessions_are_found_by_their_ends() -> None:
    wire = main_example()
    sessions = judge_sessions(read_peer_table(wire.files(), wire.expectation()))
    assert len(sessions.key) == 14
    assert list(sessions.find(sessions.frm, sessions.to)) == list(range(14))
    assert list(sessions.frm[sessions.back]) == list(sessions.to)

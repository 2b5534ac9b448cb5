"""A node that is cut off: what the cut does, what goes with it, and that a wrong proof shows."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from meshc.errors import NodeError
from meshc.lab.commands import RunCommand
from meshc.lab.lab_session import open_session
from meshc.lab.lab_source import LabSource, prepare
from meshc.lab.probe.dead_nodes import CUT, HEAL, check_failure
from meshc.lab.probe.ping import Ping, PingTarget
from meshc.lab.run import run_test
from meshc.lab.world.router_jobs import LoadRules
from tests.support.running import outside, without_engines

EXAMPLE = Path(__file__).parents[3] / "examples" / "topologies" / "relay" / "mesh.yaml"

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed"),
]


def the_relay_example() -> LabSource:
    return prepare(EXAMPLE, None, lambda _: None)


@pytest.mark.slow
def test_a_lost_relay_takes_down_what_the_proof_says() -> None:
    session = open_session(the_relay_example())
    with session.lab:
        report = run_test(session, kill=("public-server1",))
    assert list(report.failures()) == []
    (lost, healed) = [check for check in report.checks if check.group == "failure"]
    assert "6 of 12 pairs are lost" in lost.name
    assert healed.seconds is not None


def test_pairs_that_outlive_their_relay_are_named() -> None:
    """The proof of the mesh, held against hosts that need no relay: they see each other."""
    with without_engines(the_relay_example()) as session:
        everybody = outside(session.world)
        (lost, healed) = check_failure(session, everybody, "public-server1")
    assert not lost.passed
    assert "home-server → laptop: arrives, although the proof says" in lost.detail
    assert healed.passed, healed.detail


def test_a_cut_node_neither_speaks_nor_hears_until_it_is_healed() -> None:
    with without_engines(the_relay_example()) as session:
        name, others = "public-server2", Ping((PingTarget(session.world.hosts[0]),), seconds=1.0)
        own = Ping((PingTarget("127.0.0.1"),))
        (at, *_) = session.world.public[name]
        asked = Ping((PingTarget(at, patient=False),), seconds=1.0)
        tables = RunCommand(("nft", "list", "tables"))
        before = session.lab.call(name, tables)
        heard = []
        for rules in (CUT, HEAL):
            session.lab.call(name, LoadRules(rules))
            answers = session.lab.call(name, others), session.lab.call("public-server1", asked)
            heard.append([(answer.kind, answer.error) for (answer,) in answers])
            assert session.lab.call(name, own)[0].kind == "reply"
        assert session.lab.call(name, tables) == before
    # its own packets are refused to it, those of others are not answered
    cut = [("none", "Operation not permitted"), ("none", "")]
    assert heard == [cut, [("reply", "")] * 2]


def test_a_node_that_is_not_there_is_an_error() -> None:
    with without_engines(the_relay_example()) as session, pytest.raises(NodeError):
        check_failure(session, outside(session.world), "nobody")

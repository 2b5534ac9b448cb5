"""The agent of one `up`: found by a token of its own, ended without touching the engine."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from meshc.node.machine import Machine
from meshc.node.state_file import StateFile, new_record
from meshc.node.system import agent_process, processes
from meshc.node.system.agent_process import AgentStart
from meshc.node.system.rtnetlink import Netlink
from tests.support.netns import wait_until


@pytest.fixture
def up(tmp_path: Path) -> str:
    """The token of an `up` that is not complete yet, so that its agent only waits."""
    record = new_record("wg9", tmp_path / "wg9.conf", "")
    record.token = secrets.token_hex(8)
    StateFile(tmp_path, "wg9").save(record)
    return record.token


def test_it_runs_from_apply_to_reverse_beside_the_engine(tmp_path: Path, up: str) -> None:
    engine = processes.start(["sleep", "1000"], token=up, log=tmp_path / "wg9.log")
    try:
        with Netlink() as netlink:
            machine = Machine(netlink, tmp_path, up)
            AgentStart("wg9").apply(machine)
            wait_until(lambda: agent_process.runs(up), what="the agent")
            (pid,) = processes.find(agent_process.token(up))
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            assert words[2:6] == [b"meshc.agent.watch", b"wg9", b"--run-dir", bytes(tmp_path)]
            AgentStart("wg9").reverse(machine)
            assert not agent_process.runs(up)
            assert engine.poll() is None, "the engine of the interface goes on"
            assert not (tmp_path / "wg9-agent.log").exists()
    finally:
        processes.stop(up)
        processes.stop(agent_process.token(up))


def test_an_agent_without_an_up_to_look_after_ends_by_itself(tmp_path: Path, up: str) -> None:
    StateFile(tmp_path, "wg9").remove()
    with Netlink() as netlink:
        machine = Machine(netlink, tmp_path, up)
        AgentStart("wg9").apply(machine)
        try:
            wait_until(lambda: not agent_process.runs(up), what="the end of the agent")
            assert (tmp_path / "wg9-agent.log").read_text() == "", "it had nothing to complain of"
        finally:
            AgentStart("wg9").reverse(machine)


def test_taking_back_what_never_started_does_no_harm(tmp_path: Path, up: str) -> None:
    with Netlink() as netlink:
        AgentStart("wg9").reverse(Machine(netlink, tmp_path, up))
    assert not agent_process.runs(up)
    assert not agent_process.runs(""), "no token: no up, whatever else runs"

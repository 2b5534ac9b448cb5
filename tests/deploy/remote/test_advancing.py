"""The way ahead on the node: armed, put to work by the watcher, kept where the way answers."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.deploy.protocol import Activation, CommitConfirmed, State
from meshc.deploy.remote import advancing, deployment, watcher
from meshc.deploy.remote.base import Refusal
from tests.support.deployedmachine import NEW, OLD, TOKEN, DeployedMachine
from tests.support.netns import wait_until


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[DeployedMachine]:
    made = DeployedMachine(tmp_path)
    made.conf.write_text(OLD)
    yield made
    made.roll_back(None)


def arm(machine: DeployedMachine, delay: float) -> State:
    return deployment.commit_confirmed(machine.interface, CommitConfirmed(TOKEN, delay)).state


def test_an_armed_candidate_is_put_to_work_by_the_node_alone(machine: DeployedMachine) -> None:
    machine.stage()
    began = time.monotonic()
    assert arm(machine, 1.5) is State.ARMED
    assert machine.conf.read_text() == OLD
    wait_until(lambda: machine.state() is State.COMMIT_CONFIRMED, patience=15)
    assert time.monotonic() - began > 1.4
    assert machine.conf.read_text() == NEW
    assert machine.confirm() is State.CONFIRMED


def test_an_armed_one_goes_back_at_once_and_says_why_it_failed(machine: DeployedMachine) -> None:
    machine.stage()
    arm(machine, 30)
    assert machine.roll_back() is State.ROLLED_BACK
    machine.stage(activation=Activation.SYNC)  # there is no interface to sync
    arm(machine, 0.1)
    wait_until(lambda: machine.state() is State.ROLLED_BACK, patience=15)
    assert machine.conf.read_text() == OLD
    assert machine.facts().failed


def test_nothing_is_armed_for_after_its_window(machine: DeployedMachine) -> None:
    machine.stage(window=5)
    with pytest.raises(Refusal, match="the window is over before"):
        arm(machine, 6)
    assert machine.state() is State.CANDIDATE


def test_the_word_of_somebody_on_the_way_keeps_the_new_one(machine: DeployedMachine) -> None:
    """Nobody has confirmed: those on the way answer under the new configuration, so they have it.
    Here this machine itself answers, and in the second case nobody does."""
    for address, ended in (("127.0.0.1", State.CONFIRMED), ("192.0.2.200", State.ROLLED_BACK)):
        machine.stage(window=60, way={"key": address}, grace=60)
        machine.commit()
        assert machine.verify().way == (address == "127.0.0.1")
        state = machine.state_dir / "wgx9" / "state.json"
        record = json.loads(state.read_text())
        record["candidate"] |= {"deadline": 0, "decide_at": 0}  # the watcher looks once a second
        state.write_text(json.dumps(record))
        wait_until(lambda e=ended: machine.state() is e, patience=4 * watcher.WAY, what=str(ended))
        assert machine.conf.read_text() == NEW
        if ended is State.CONFIRMED:
            assert machine.facts().deployed_sha == machine.facts().sha


def test_a_refused_connection_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advancing, "pings", lambda _: set())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setattr(advancing, "_SSH", taken.getsockname()[1])  # bound, and not listening
        assert advancing.answers({"a": "127.0.0.1"}) == {"a"}
        taken.listen()
        assert advancing.answers({"a": "127.0.0.1"}) == {"a"}
    assert advancing.answers({}) == set()

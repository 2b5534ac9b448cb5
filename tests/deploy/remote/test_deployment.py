"""The state machine on the node, in a temporary directory: no interface is needed for it."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meshc.deploy.connect import sent_program
from meshc.deploy.protocol import (
    Activation,
    Adopt,
    AskFacts,
    CommitConfirmed,
    Confirm,
    Directories,
    Facts,
    RollBack,
    Routes,
    StageCandidate,
    State,
    Supervisor,
    Verified,
    Verify,
)
from meshc.deploy.remote import deployment, staging, verbs
from meshc.deploy.remote.base import Refusal, boot
from meshc.deploy.remote.managed_interface import ManagedInterface

TOKEN = "0123456789abcdef"
OLD, NEW = "[Interface]\nMTU = 1300\n", "[Interface]\nMTU = 1400\n"


class Machine:
    """The steps of a deployment, with the same fields each time."""

    def __init__(self, home: Path) -> None:
        self.conf_dir, self.state_dir = home / "wireguard", home / "lib" / "deploy"
        self.conf_dir.mkdir()
        self.conf = self.conf_dir / "wgx9.conf"
        own = home / "lib" / "meshc"
        places = Directories(str(self.conf_dir), str(self.state_dir), str(own))
        self.interface = ManagedInterface("wgx9", places)

    def stage(self, **more: Any) -> State:
        content = self.conf.read_bytes() if self.conf.exists() else None
        request = StageCandidate(
            token=TOKEN,
            window=60,
            sha=hashlib.sha256(content).hexdigest() if content is not None else "",
            activation=Activation.FILE,
            supervisor=Supervisor.WG_QUICK,
            env={},
            routes=Routes(),
            environment="",
            conf=NEW,
            node_json='{"interface": "wgx9"}',
            program=sent_program.program(),
        )
        return deployment.stage(self.interface, replace(request, **more)).state

    def commit(self, token: str = TOKEN) -> State:
        return deployment.commit_confirmed(self.interface, CommitConfirmed(token)).state

    def verify(self) -> Verified:
        return deployment.verify(self.interface, Verify(TOKEN, "key", {"a": "::1"}, 0.1))

    def confirm(self) -> State:
        return deployment.confirm(self.interface, Confirm(TOKEN)).state

    def roll_back(self, token: str | None = TOKEN) -> State:
        return deployment.roll_back(self.interface, RollBack(token)).state

    def adopt(self, sha: str) -> State:
        return deployment.adopt(self.interface, Adopt(sha)).state

    def facts(self) -> Facts:
        return verbs.facts(self.interface, AskFacts("s"))

    def listing(self) -> list[str]:
        return sorted(os.listdir(self.conf_dir))

    def state(self) -> State:
        return self.facts().state


@pytest.fixture
def machine(tmp_path: Path) -> Any:
    made = Machine(tmp_path)
    yield made
    made.roll_back(None)


def test_a_deployment_from_its_candidate_to_the_confirm(machine: Machine) -> None:
    machine.conf.write_text(OLD)
    assert machine.stage() is State.CANDIDATE
    assert machine.conf.read_text() == OLD
    assert machine.commit() is State.COMMIT_CONFIRMED
    assert machine.conf.read_text() == NEW
    assert not machine.verify().up  # there is no such interface here
    machine.confirm()
    assert machine.confirm() is State.CONFIRMED
    assert machine.listing() == ["node.json", "wgx9.conf"]
    facts = machine.facts()
    assert facts.deployed_sha == facts.sha == hashlib.sha256(NEW.encode()).hexdigest()
    assert (machine.state_dir.stat().st_mode & 0o777, machine.conf.stat().st_mode & 0o777) == (
        0o700,
        0o600,
    )


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("existed", [False, True])
def test_rollback_leaves_what_was_there(machine: Machine, committed: bool, existed: bool) -> None:
    if existed:
        machine.conf.write_text(OLD)
    before = machine.listing()
    machine.stage()
    if committed:
        machine.commit()
    assert machine.roll_back() is State.ROLLED_BACK
    assert machine.listing() == before
    assert not existed or machine.conf.read_text() == OLD


def test_nobody_confirms_and_the_node_restores_by_itself(machine: Machine) -> None:
    machine.conf.write_text(OLD)
    machine.stage(window=0.5)
    machine.commit()
    deadline = time.monotonic() + 30
    while machine.state() is not State.ROLLED_BACK and time.monotonic() < deadline:
        time.sleep(0.05)
    assert machine.conf.read_text() == OLD
    assert machine.listing() == ["wgx9.conf"]
    with pytest.raises(Refusal, match="this deployment is over"):
        machine.confirm()


def test_a_restore_may_be_interrupted_anywhere(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.conf.write_text(OLD)
    (machine.conf_dir / "node.json").write_text('{"interface": "wgx9", "old": 1}')
    for stop_at in range(12):
        token = f"{stop_at:016x}"
        machine.stage(token=token)
        machine.commit(token)
        with contextlib.suppress(KeyboardInterrupt), monkeypatch.context() as patch:
            left = iter(range(stop_at))
            for name in ("replace", "unlink", "listdir"):
                patch.setattr(os, name, _stopping(getattr(os, name), left))
            machine.roll_back(None)
        machine.roll_back(None)
        assert machine.conf.read_text() == OLD
        assert '"old"' in (machine.conf_dir / "node.json").read_text()
        assert machine.listing() == ["node.json", "wgx9.conf"]


def _stopping(real: Callable[..., Any], left: Iterator[int]) -> Callable[..., Any]:
    """The function, until nothing is left of its budget."""

    def call(*args: Any, **named: Any) -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return real(*args, **named)

    return call


def test_a_full_disk_is_found_before_anything_changes(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.conf.write_text(OLD)

    def full(path: str, content: bytes, mode: int = 0o600) -> None:
        if "new" in path:
            raise OSError(errno.ENOSPC, "No space left on device", path)
        real(path, content, mode)

    real = staging.write
    monkeypatch.setattr(staging, "write", full)
    with pytest.raises(OSError, match="No space"):
        machine.stage()
    assert machine.listing() == ["wgx9.conf"]
    assert machine.conf.read_text() == OLD


def test_a_step_that_fails_puts_back_at_once(machine: Machine) -> None:
    machine.conf.write_text(OLD)
    machine.stage(activation=Activation.SYNC)  # there is no interface to sync
    with pytest.raises(Refusal) as refused:
        machine.commit()
    assert "has put back what was there" in refused.value.failure.message
    assert machine.conf.read_text() == OLD
    assert machine.state() is State.ROLLED_BACK


def test_what_a_restart_left_committed_can_be_kept(machine: Machine) -> None:
    """Where no systemd put it back: deploying that very file again confirms it."""
    machine.conf.write_text(OLD)
    machine.stage()
    machine.commit()
    sha = hashlib.sha256(NEW.encode()).hexdigest()
    with pytest.raises(Refusal, match="changed meanwhile"):
        machine.adopt(sha)  # its watcher will put it back
    state = machine.state_dir / "wgx9" / "state.json"
    state.write_text(state.read_text().replace(boot(), "another boot"))
    assert machine.adopt(sha) is State.CONFIRMED
    facts = machine.facts()
    assert (facts.deployed_sha, facts.pending) == (sha, None)
    assert machine.listing() == ["node.json", "wgx9.conf"]


def test_two_deploys_do_not_overlap(machine: Machine) -> None:
    machine.stage()
    with pytest.raises(Refusal, match="under way"):
        machine.stage(token="f" * 16)


def test_a_file_that_changed_since_the_plan_is_not_overwritten(machine: Machine) -> None:
    machine.conf.write_text(OLD)
    with pytest.raises(Refusal, match="changed meanwhile"):
        machine.stage(sha="0" * 64)
    assert machine.listing() == ["wgx9.conf"]


@pytest.mark.parametrize("name", ["", "..", "a/b", "-rf", "a b", "a\nb", "$(id)", "a" * 16, "a;b"])
def test_only_names_of_interfaces_are_taken(machine: Machine, name: str) -> None:
    if name == "-rf":
        there = ManagedInterface(name, machine.interface.directories)
        assert verbs.facts(there, AskFacts("s")).conf is None
        return
    with pytest.raises(Refusal, match="name of an interface"):
        ManagedInterface(name, machine.interface.directories)


def test_the_node_json_of_another_network_are_left_alone(machine: Machine) -> None:
    (machine.conf_dir / "node.json").write_text('{"interface": "wg7"}')
    machine.stage()
    machine.commit()
    machine.confirm()
    assert (machine.conf_dir / "node.json").read_text() == '{"interface": "wg7"}'


def test_a_step_that_is_not_next_is_refused_and_changes_nothing(machine: Machine) -> None:
    machine.interface.make_home()
    for step in (machine.commit, machine.verify, machine.confirm):
        with pytest.raises(Refusal, match="this deployment is over: the node is idle"):
            step()
    machine.stage()
    for early in (machine.verify, machine.confirm):
        with pytest.raises(Refusal, match="this deployment is over: the node is candidate"):
            early()
    machine.commit()
    with pytest.raises(Refusal, match="over: the node is commit-confirmed"):
        machine.commit()
    with pytest.raises(Refusal, match="over"):
        machine.commit("f" * 16)
    machine.confirm()
    with pytest.raises(Refusal, match="over: the node is confirmed"):
        machine.verify()
    assert machine.conf.read_text() == NEW


@pytest.mark.parametrize("text", ["{}", "nothing", '{"phase": "committed"}'])
def test_a_record_that_somebody_else_wrote_is_a_refusal(machine: Machine, text: str) -> None:
    machine.interface.make_home()
    state = machine.state_dir / "wgx9" / "state.json"
    state.write_text(text)
    with pytest.raises(Refusal, match="not a record of a deployment"):
        machine.facts()
    state.unlink()

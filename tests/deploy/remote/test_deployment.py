"""The steps of a deployment on the node, in a temporary directory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.deploy.protocol import Activation, State
from meshc.deploy.remote.base import Refusal, boot
from tests.support.deployedmachine import NEW, OLD, DeployedMachine


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[DeployedMachine]:
    made = DeployedMachine(tmp_path)
    yield made
    made.roll_back(None)


def test_a_deployment_from_its_candidate_to_the_confirm(machine: DeployedMachine) -> None:
    machine.conf.write_text(OLD)
    assert machine.stage() is State.CANDIDATE
    assert machine.conf.read_text() == OLD
    assert machine.commit() is State.COMMIT_CONFIRMED
    assert machine.conf.read_text() == NEW
    assert not machine.verify().up  # there is no such interface here
    machine.confirm()
    assert machine.confirm() is State.CONFIRMED
    facts_of, conf, foreign = machine.listing()
    assert (facts_of, conf) == ("node.json", "wgx9.conf")
    assert (machine.conf_dir / foreign).read_text() == OLD  # somebody else had written it
    facts = machine.facts()
    assert facts.deployed_sha == facts.sha == hashlib.sha256(NEW.encode()).hexdigest()
    assert (machine.state_dir.stat().st_mode & 0o777, machine.conf.stat().st_mode & 0o777) == (
        0o700,
        0o600,
    )


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("existed", [False, True])
def test_rollback_leaves_what_was_there(
    machine: DeployedMachine, committed: bool, existed: bool
) -> None:
    if existed:
        machine.conf.write_text(OLD)
    before = machine.listing()
    machine.stage()
    if committed:
        machine.commit()
    assert machine.roll_back() is State.ROLLED_BACK
    assert machine.listing() == before
    assert not existed or machine.conf.read_text() == OLD


def test_a_step_that_fails_puts_back_at_once(machine: DeployedMachine) -> None:
    machine.conf.write_text(OLD)
    machine.stage(activation=Activation.SYNC)  # there is no interface to sync
    with pytest.raises(Refusal) as refused:
        machine.commit()
    assert "has put back what was there" in refused.value.failure.message
    assert machine.conf.read_text() == OLD
    assert machine.state() is State.ROLLED_BACK


def test_what_a_restart_left_committed_can_be_kept(machine: DeployedMachine) -> None:
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


def test_a_file_that_changed_since_the_plan_is_not_overwritten(machine: DeployedMachine) -> None:
    machine.conf.write_text(OLD)
    with pytest.raises(Refusal, match="changed meanwhile"):
        machine.stage(sha="0" * 64)
    assert machine.listing() == ["wgx9.conf"]


def test_a_step_that_is_not_next_is_refused_and_changes_nothing(machine: DeployedMachine) -> None:
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

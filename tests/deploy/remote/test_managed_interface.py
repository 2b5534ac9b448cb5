"""An interface by its name, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.deploy.protocol import AskFacts
from meshc.deploy.remote import verbs
from meshc.deploy.remote.base import Refusal
from meshc.deploy.remote.deployment_record import DeploymentRecord
from meshc.deploy.remote.deployment_states import unfinished
from meshc.deploy.remote.managed_interface import ManagedInterface
from tests.support.deployedmachine import TOKEN, DeployedMachine


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[DeployedMachine]:
    made = DeployedMachine(tmp_path)
    yield made
    made.roll_back(None)


@pytest.mark.parametrize("name", ["", "..", "a/b", "-rf", "a b", "a\nb", "$(id)", "a" * 16, "a;b"])
def test_only_names_of_interfaces_are_taken(machine: DeployedMachine, name: str) -> None:
    if name == "-rf":
        there = ManagedInterface(name, machine.interface.directories)
        assert verbs.facts(there, AskFacts("s")).conf is None
        return
    with pytest.raises(Refusal, match="name of an interface"):
        ManagedInterface(name, machine.interface.directories)


def test_what_is_saved_is_loaded_and_nobody_else_may_read_it(machine: DeployedMachine) -> None:
    assert machine.interface.load() == DeploymentRecord()
    machine.stage()
    record = machine.interface.load()
    assert record.token == TOKEN
    assert unfinished(record.state)
    state = machine.state_dir / "wgx9" / "state.json"
    assert state.stat().st_mode & 0o777 == 0o600
    machine.interface.save(record)
    assert machine.interface.load() == record

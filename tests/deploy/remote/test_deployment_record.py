"""The record between two requests: read as it was written, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.deploy.remote.base import Refusal
from meshc.deploy.remote.deployment_record import DeploymentRecord, decode, encode
from tests.support.deployedmachine import OLD, DeployedMachine


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[DeployedMachine]:
    made = DeployedMachine(tmp_path)
    yield made
    made.roll_back(None)


@pytest.mark.parametrize("text", ["{}", "nothing", '{"phase": "committed"}'])
def test_a_record_that_somebody_else_wrote_is_a_refusal(
    machine: DeployedMachine, text: str
) -> None:
    machine.interface.make_home()
    state = machine.state_dir / "wgx9" / "state.json"
    state.write_text(text)
    with pytest.raises(Refusal, match="not a record of a deployment"):
        machine.facts()
    state.unlink()


def test_it_is_read_as_it_was_written(machine: DeployedMachine) -> None:
    machine.conf.write_text(OLD)
    machine.stage()
    for record in (DeploymentRecord(), machine.interface.load()):
        assert decode(encode(record), "state.json") == record

"""The end of an interface on its node: what deploys brought goes, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.deploy.protocol import Retire, State
from meshc.deploy.remote.base import Refusal
from meshc.deploy.remote.retiring import retire
from tests.support.deployedmachine import DeployedMachine


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[DeployedMachine]:
    made = DeployedMachine(tmp_path)
    made.stage()
    made.commit()
    yield made
    made.roll_back(None)


def test_its_files_go_and_those_of_others_stay(machine: DeployedMachine) -> None:
    machine.confirm()
    (machine.conf_dir / "own.key").write_text("key")
    (machine.conf_dir / "other.conf").write_text("other")
    assert retire(machine.interface, Retire()).state is State.IDLE
    assert machine.listing() == ["other.conf", "own.key"]
    assert list(machine.state_dir.iterdir()) == []
    assert retire(machine.interface, Retire()).state is State.IDLE, "once more does nothing"


def test_the_facts_of_another_network_beside_it_stay(machine: DeployedMachine) -> None:
    machine.confirm()
    (machine.conf_dir / "node.json").write_text('{"interface": "wg0"}')
    retire(machine.interface, Retire())
    assert machine.listing() == ["node.json"]


def test_what_somebody_changed_is_not_taken_away(machine: DeployedMachine) -> None:
    machine.confirm()
    machine.conf.write_text("mine")
    with pytest.raises(Refusal, match="is not the file that was deployed last"):
        retire(machine.interface, Retire())
    assert machine.conf.read_text() == "mine"


def test_a_deploy_that_is_under_way_is_not_cut_short(machine: DeployedMachine) -> None:
    with pytest.raises(Refusal, match="a deploy is under way"):
        retire(machine.interface, Retire())

"""New and old files beside their places."""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.deploy.protocol import Confirm
from meshc.deploy.remote import deployment, staging
from tests.support.deployedmachine import NEW, OLD, TOKEN, DeployedMachine


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[DeployedMachine]:
    made = DeployedMachine(tmp_path)
    yield made
    made.roll_back(None)


def test_a_full_disk_is_found_before_anything_changes(
    machine: DeployedMachine, monkeypatch: pytest.MonkeyPatch
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


def test_the_node_json_of_another_network_are_left_alone(machine: DeployedMachine) -> None:
    (machine.conf_dir / "node.json").write_text('{"interface": "wg7"}')
    machine.stage()
    machine.commit()
    machine.confirm()
    assert (machine.conf_dir / "node.json").read_text() == '{"interface": "wg7"}'


def take_over(machine: DeployedMachine, text: str, mode: int = 0o644) -> str:
    """Somebody writes the file, and a deploy replaces it; where the record says that it lies."""
    machine.conf.write_text(text)
    machine.conf.chmod(mode)
    machine.stage()
    machine.commit()
    machine.confirm()
    return machine.interface.load().kept


def test_a_file_of_somebody_else_is_kept_beside_the_new_one(machine: DeployedMachine) -> None:
    kept = [Path(take_over(machine, text)) for text in (OLD, OLD + "# again\n")]
    assert [path.read_text() for path in kept] == [OLD, OLD + "# again\n"]
    for path in kept:
        assert path.parent == machine.conf_dir
        assert path.name.startswith("wgx9.conf.20"), "wg-quick takes no such name for a file of it"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert machine.conf.read_text() == NEW


def test_what_a_deploy_brought_is_not_kept(machine: DeployedMachine) -> None:
    take_over(machine, OLD)
    before = machine.listing()
    machine.stage(conf=OLD)
    machine.commit()
    machine.confirm()
    assert (machine.interface.load().kept, machine.listing()) == ("", before)


def test_the_answer_says_where_and_so_does_one_that_is_asked_for_again(
    machine: DeployedMachine,
) -> None:
    machine.conf.write_text(OLD)
    machine.stage()
    machine.commit()
    answers = [deployment.confirm(machine.interface, Confirm(TOKEN)) for _ in range(2)]
    assert answers[0] == answers[1]
    assert Path(answers[0].kept).read_text() == OLD


def test_nothing_is_kept_of_a_deployment_that_goes_back(machine: DeployedMachine) -> None:
    machine.conf.write_text(OLD)
    machine.stage()
    machine.commit()
    machine.roll_back()
    assert machine.listing() == ["wgx9.conf"]

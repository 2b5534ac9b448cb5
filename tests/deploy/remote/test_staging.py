"""New and old files beside their places."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.deploy.remote import staging
from tests.support.deployedmachine import OLD, DeployedMachine


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

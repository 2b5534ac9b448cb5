"""FILE may be left out: then it is the mesh.yaml here or above, and no node is taken for a file."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from meshc.cli import COMMANDS, main
from meshc.cli.topology_argument import TopologyCommand, find_topology
from tests.support.workspaces import write_topology


def run(*args: str) -> Result:
    return CliRunner().invoke(main, args)


@pytest.fixture
def below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory below a network that has been built; we stand in it."""
    file = write_topology(tmp_path)
    assert run("build", str(file)).exit_code == 0
    directory = tmp_path / "scripts" / "more"
    directory.mkdir(parents=True)
    monkeypatch.chdir(directory)
    return directory


@pytest.mark.parametrize(
    "command",
    [
        "build --dry-run",
        "validate",
        "verify",
        "explain laptop phone",
        "graph",
        "qr phone --force",
        "keys list",
        "keys rotate laptop phone",
        "keys rotate --psk",
        "keys revoke phone --yes",
    ],
)
def test_every_command_finds_the_file_above(below: Path, command: str) -> None:
    result = run(*command.split())
    assert result.exit_code == 0, result.output
    named = run(*command.replace("build", "build ../../mesh.yaml", 1).split())
    assert named.exit_code in (0, 2)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_with_a_file_may_do_without(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    commands = command.commands.values() if isinstance(command, click.Group) else [command]
    for one in commands:
        assert one is not None
        first = [param.name for param in one.params if isinstance(param, click.Argument)][:1]
        if first == ["file"] and name != "init" and one.name != "down":
            assert isinstance(one, TopologyCommand), one.name


def test_the_nearest_one_is_meant_and_a_named_one_before_it(below: Path) -> None:
    (below / "mesh.yaml").write_text("meshc: 1\n")
    assert find_topology() == Path("mesh.yaml")
    assert run("build", "--dry-run").exit_code == 1, "that one is no network"
    assert run("build", "../../mesh.yaml", "--dry-run").exit_code == 0
    assert run("keys", "rotate", "../../mesh.yaml", "laptop").exit_code == 0


def test_a_missing_node_is_missed_and_not_a_missing_file(below: Path) -> None:
    result = run("qr", "../../mesh.yaml")
    assert result.exit_code == 2
    assert "Missing argument 'NODE'" in result.output


def test_without_any_the_message_says_what_writes_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in ("build", "verify", "keys list", "validate", "deploy"):
        result = run(*command.split())
        assert result.exit_code == 2
        assert "no mesh.yaml here or above" in result.output
        assert run(*command.split(), "--help").exit_code == 0


def test_somebody_elses_file_above_is_not_taken(
    below: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody can put a mesh.yaml into /tmp, and root may stand below it."""
    real = Path.stat

    def foreign(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        status = real(path, follow_symlinks=follow_symlinks)
        if path.name == "mesh.yaml":
            return os.stat_result((*status[:4], 4242, *status[5:]))
        return status

    monkeypatch.setattr(Path, "stat", foreign)
    assert find_topology() is None
    (below / "mesh.yaml").touch()
    assert find_topology() == Path("mesh.yaml"), "where we stand, we look ourselves"

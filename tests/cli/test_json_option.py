"""Every command has `--json`: one envelope on stdout, also when it was called wrongly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from meshc.build.pipeline import compile_file
from meshc.cli import main
from meshc.cli.json_option import tell
from tests.support.wire import private_key
from tests.support.workspaces import write_topology


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        yield path
        return
    ctx = click.Context(command)
    for name in command.list_commands(ctx):
        inner = command.get_command(ctx, name)
        assert inner is not None
        yield from leaves(inner, (*path, name))


COMMANDS = sorted(leaves(main))


def run(*words: object) -> tuple[int, dict[str, Any], str]:
    done = CliRunner().invoke(main, [str(word) for word in words])
    return done.exit_code, json.loads(done.stdout), done.stderr


def test_the_walk_finds_the_commands() -> None:
    assert {("build",), ("lab", "up"), ("keys", "rotate"), ("engine",)} <= set(COMMANDS)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_mistake_in_the_command_line_is_told_to_programs(path: tuple[str, ...]) -> None:
    code, said, beside = run(*path, "--json", "--no-such-option")
    assert code == 2
    assert said["version"] == 1
    assert said["findings"] == []
    assert said["error"]["message"]
    assert "Usage:" in beside


def test_a_starter_file(tmp_path: Path) -> None:
    code, said, _ = run("init", tmp_path / "a.yaml", "--json")
    assert (code, said["file"], said["findings"]) == (0, str(tmp_path / "a.yaml"), [])
    assert (tmp_path / "a.yaml").exists()
    code, said, _ = run("init", "--list", "--json")
    assert {row["name"] for row in said["templates"]} >= {"relay", "exit"}


def test_a_picture(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    code, said, _ = run("graph", file, "--json")
    assert (code, said["format"]) == (0, "mermaid")
    assert "phone" in said["picture"]
    code, said, _ = run("graph", file, "-o", tmp_path / "a.svg", "--json")
    assert (code, said["file"], "picture" in said) == (0, str(tmp_path / "a.svg"), False)


def test_the_language() -> None:
    assert run("schema", "--json")[1]["schema"]["type"] == "object"
    assert "exit_node" in run("schema", "--format", "markdown", "--json")[1]["page"]


def test_a_code_for_a_phone(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    compile_file(file)
    code, said, _ = run("qr", file, "phone", "--json")
    assert (code, said["network"], said["node"]) == (0, "testnet", "phone")
    assert len(said["rows"]) > 20
    key = (tmp_path / "keys/phone.key").read_text().strip()
    assert key not in json.dumps(said)
    code, said, _ = run("qr", file, "phone", "-o", tmp_path / "p.png", "--json")
    assert (code, said["file"]) == (0, str(tmp_path / "p.png"))


def test_a_code_that_is_too_large_is_a_finding(tmp_path: Path) -> None:
    many = "".join(f"  n{i}: {{endpoint: n{i}.mesh.dev}}\n" for i in range(40))
    file = write_topology(
        tmp_path,
        f"meshc: 1\nnetwork: {{name: x, addresses: 10.1.0.0/24}}\nnodes:\n  p: {{}}\n{many}",
    )
    compile_file(file)
    code, said, _ = run("qr", file, "p", "--json")
    assert (code, [one["code"] for one in said["findings"]]) == (1, ["E500"])


def test_files_that_are_imported(tmp_path: Path) -> None:
    conf = tmp_path / "wg0.conf"
    key, other = private_key("a"), private_key("b").public_key()
    conf.write_text(
        f"[Interface]\nPrivateKey = {key.reveal()}\nAddress = 10.1.0.1/24\n"
        f"[Peer]\nPublicKey = {other}\nAllowedIPs = 10.1.0.2/32\nEndpoint = b.mesh.dev:51820\n"
    )
    code, said, _ = run("import", conf, "--json")
    assert (code, said["files"]) == (0, 1)
    assert said["topology"].startswith("meshc: 1") or "meshc: 1" in said["topology"]
    assert key.reveal() not in json.dumps(said)
    code, said, _ = run("import", conf, "-o", tmp_path / "mesh.yaml", "--json")
    assert said["file"] == str(tmp_path / "mesh.yaml")


def test_a_lab_that_is_not_up() -> None:
    code, said, _ = run("lab", "down", "--id", "nothing-of-this-name", "--json")
    assert (code, said["down"]) == (0, [])


def test_the_envelope(capsys: pytest.CaptureFixture[str]) -> None:
    tell({"a": 1})
    assert json.loads(capsys.readouterr().out) == {"version": 1, "a": 1, "findings": []}

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from meshc.cli.lab import _options, lab
from meshc.lab import state
from meshc.lab.world import Shape


def test_uplinks_are_read() -> None:
    options = _options(("home",), ("home=latency:20,loss:0.5", "kbit:1000"))
    assert options.shapes == {"home": Shape(delay=20, loss=0.5)}
    assert options.shape == Shape(rate=1000)
    assert options.carrier == {"home"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--uplink", "home=speed:9"], "is not latency:ms"),
        (["--uplink", "loss:much"], "is not latency:ms"),
        (["--nat", "home=cone"], "KIND is one of"),
        (["--kill", "nobody"], "there is no such node"),
    ],
)
def test_wrong_options_are_usage_errors(arguments: list[str], message: str, tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(
        "meshc: 1\nnetwork: {name: n, addresses: 10.0.0.0/24}\n"
        "nodes: {a: {endpoint: a.example.com}, b: {}}\n"
    )
    done = CliRunner().invoke(lab, ["test", str(file), *arguments])
    assert (done.exit_code, message in done.output) == (2, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mesh.yaml"]


def test_a_file_with_errors_ends_before_anything_is_built(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text("meshc: 1\nnetwork: {name: n, addresses: 10.0.0.0/24}\nnods: {}\n")
    done = CliRunner().invoke(lab, ["test", str(file)])
    assert done.exit_code == 2
    assert "mesh.yaml:3" in done.output


@pytest.mark.parametrize("command", ["up", "test", "exec", "status", "down", "capture"])
def test_every_command_has_an_example(command: str) -> None:
    done = CliRunner().invoke(lab, [command, "--help"])
    assert done.exit_code == 0
    assert "Example: meshc lab" in done.output


def test_without_a_lab_the_commands_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "base_directory", lambda: tmp_path / "none")
    assert "no lab is up" in CliRunner().invoke(lab, ["status"]).output
    assert CliRunner().invoke(lab, ["status", "--json"]).output == "[]\n"
    done = CliRunner().invoke(lab, ["exec", "a", "--", "true"])
    assert (done.exit_code, "no such lab is up" in done.output) == (2, True)
    assert CliRunner().invoke(lab, ["down", "--all"]).exit_code == 0

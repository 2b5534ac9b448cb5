"""What `add`, `remove`, `rename`, `enable` and `disable` print."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from meshc.cli import main

TEXT = """\
meshc: 1
network: {name: demo, addresses: [10.44.0.0/24]}
nodes:
  hub: {role: relay, endpoint: hub.demo-vpn.net}
  phone:
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("mesh.yaml").write_text(TEXT)
    return Path("mesh.yaml")


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, arguments)
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("add tablet platform=android", "+  tablet: {platform: android}"),
        ("remove phone", "-  phone:"),
        ("rename phone anna", "+  anna:"),
        ("disable phone", "+  phone: {enabled: false}"),
    ],
)
def test_the_patch_is_shown_and_what_is_next(file: Path, command: str, line: str) -> None:
    code, said = run(*command.split())
    assert code == 0
    assert line in said.splitlines()
    assert "Next: meshc plan mesh.yaml" in said
    assert line[1:] in file.read_text().splitlines() or line[0] == "-"


def test_a_change_that_is_there_already_says_so(file: Path) -> None:
    run("disable", "phone")
    before = file.read_text()
    assert run("disable", "phone") == (0, "mesh.yaml says so already.\n")
    assert file.read_text() == before


def test_json_has_the_patch(file: Path) -> None:
    code, said = run("add", "mesh.yaml", "tablet", "--dry-run", "--json")
    found = json.loads(said)
    assert code == 0
    assert found["written"] is False
    assert found["changed"] == ["mesh.yaml"]
    assert "+  tablet:" in found["patch"]
    assert file.read_text() == TEXT


@pytest.mark.parametrize("setting", ["platform", "=x", "a="])
def test_a_setting_is_key_and_value(file: Path, setting: str) -> None:
    code, said = run("add", "tablet", setting)
    assert code == 2
    assert "is not KEY=VALUE" in said
    assert file.read_text() == TEXT

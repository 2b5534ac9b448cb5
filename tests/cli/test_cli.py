"""The command group: help is complete and costs next to nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from meshc.cli import main

HEAVY = ("networkx", "jinja2", "pyroute2", "rich", "cryptography", "asyncssh", "numpy")


def test_help_lists_the_sections() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "meshc", "--help"], capture_output=True, text=True, check=True
    )
    assert "A compiler for WireGuard networks." in result.stdout
    assert "--version" in result.stdout


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from meshc.cli import main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_unknown_command_is_refused() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "meshc", "biuld"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "No such command 'biuld'" in result.stderr


@pytest.mark.parametrize(
    "command",
    [
        "build --json",
        "build no-such-file.yaml --json",
        "keys rotate no-such-file.yaml --json",
        "status --json --no-such-option",
        "verify no-such-file.yaml --format json",
        "deploy --json --parallel many",
        "biuld --json",
    ],
)
def test_a_program_gets_json_also_for_what_was_called_wrongly(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, command.split())
    assert done.exit_code == 2
    answer = json.loads(done.stdout)
    assert list(answer) == ["version", "error", "findings"]
    assert answer["error"]["message"]
    assert done.stderr


def test_the_word_behind_two_dashes_is_somebody_elses() -> None:
    done = CliRunner().invoke(main, ["lab", "exec", "--id", "none", "a", "--", "ip", "--json"])
    assert done.stdout == ""

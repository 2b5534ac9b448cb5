"""The command group: help is complete and costs next to nothing."""

from __future__ import annotations

import subprocess
import sys

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

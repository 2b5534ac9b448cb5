from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from meshc.cli import main
from meshc.cli.engine import engine

ROOT = Path(__file__).resolve().parents[2]


def test_the_help_shows_an_example_and_imports_no_engine() -> None:
    code = (
        "import sys; from meshc.cli.engine import entry; sys.argv = ['x', '--help']\n"
        "try: entry()\n"
        "except SystemExit: pass\n"
        "heavy = ('numpy', 'cryptography', 'meshc.engine.io.runner')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout

    assert "meshc engine -f wg0" in output
    assert "WG_QUICK_USERSPACE_IMPLEMENTATION=meshc-engine" in output
    assert output.endswith("[]\n")


def test_options_reach_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    from meshc.engine.io import daemon

    seen = []
    monkeypatch.setattr(daemon, "start", lambda options, ready: seen.append(options) or 3)

    result = CliRunner().invoke(
        engine, ["-f", "--metrics", ":9586", "--nice", "3", "--no-offload", "wg7"]
    )

    assert result.exit_code == 3
    expected = daemon.DaemonOptions("wg7", foreground=True, metrics=":9586", offload=False, nice=3)
    assert seen == [expected]


def test_what_keeps_it_from_starting_is_told_to_programs_as_well() -> None:
    done = CliRunner().invoke(main, ["engine", "--json", "-f", "a/b"])
    said = json.loads(done.stdout)
    assert (done.exit_code, list(said)) == (1, ["version", "error", "findings"])
    assert "'a/b' is not an interface name" in said["error"]["message"]
    assert done.stderr.startswith("meshc engine: 'a/b'")


def test_the_priority_asked_for_is_the_engines_own_default() -> None:
    from meshc.engine.io.daemon import DEFAULT_NICE

    (default,) = (option.default for option in engine.params if option.name == "nice")
    assert default == DEFAULT_NICE


def test_without_an_interface_it_is_a_usage_error() -> None:
    assert CliRunner().invoke(engine, []).exit_code == 2


def test_there_is_a_program_for_wg_quick() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]

    assert scripts["meshc-engine"] == "meshc.cli.engine:entry"

"""`meshc agent` looks after an interface that is up and has no agent yet."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshc.cli import main
from meshc.node.state_file import StateFile, new_record
from meshc.node.system import agent_process


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["agent", *args])


def test_an_interface_that_is_not_up_has_none(tmp_path: Path) -> None:
    done = run("wg77", "--run-dir", str(tmp_path))
    assert done.exit_code == 2
    assert "wg77 is not up" in done.stderr


def test_a_second_agent_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    StateFile(tmp_path, "wg77").save(new_record("wg77", tmp_path / "wg77.conf", ""))
    monkeypatch.setattr(agent_process, "runs", lambda _: True)
    done = run("wg77", "--run-dir", str(tmp_path))
    assert done.exit_code == 2
    assert "an agent looks after wg77 already" in done.stderr


def test_it_ends_with_the_interface(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody takes it down while the agent looks."""
    state = StateFile(tmp_path, "wg77")
    state.save(new_record("wg77", tmp_path / "wg77.conf", ""))

    def taken_down(_: str) -> bool:
        state.remove()
        return False

    monkeypatch.setattr(agent_process, "runs", taken_down)
    done = run("wg77", "--run-dir", str(tmp_path), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["interface"] == "wg77"

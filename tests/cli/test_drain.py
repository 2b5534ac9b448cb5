"""`meshc drain` says whether the relay is empty, and fails when it is not."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from meshc.agent.draining import drain_mark
from meshc.agent.path_status import PathStatus
from meshc.cli import main


def run(*args: str) -> Result:
    return CliRunner().invoke(main, ["drain", *args])


def test_a_relay_is_emptied_and_takes_leaves_again(tmp_path: Path) -> None:
    PathStatus({"r2": "live"}, draining=True).save("wg0", tmp_path)
    done = run("wg0", "--run-dir", str(tmp_path), "--wait", "0")
    assert (done.exit_code, done.stdout) == (0, "wg0: empty\n")
    assert drain_mark("wg0", tmp_path).exists()
    done = run("wg0", "--undo", "--run-dir", str(tmp_path))
    assert done.stdout == "wg0: takes leaves again; they come back after a minute of quiet\n"
    assert not drain_mark("wg0", tmp_path).exists()


def test_who_stays_is_named_and_the_exit_code_says_so(tmp_path: Path) -> None:
    PathStatus({"r2": "dead"}, leaves=("a", "b"), draining=True).save("wg0", tmp_path)
    done = run("wg0", "--run-dir", str(tmp_path), "--wait", "0")
    assert (done.exit_code, done.stdout) == (1, "wg0: still here: a, b\n")
    done = run("wg0", "--run-dir", str(tmp_path), "--wait", "0", "--json")
    said = json.loads(done.stdout)
    assert (said["draining"], said["left"]) == (True, ["a", "b"])


def test_a_node_that_is_no_relay_is_refused(tmp_path: Path) -> None:
    done = run("wg0", "--run-dir", str(tmp_path))
    assert done.exit_code == 2
    assert "no relay whose leaves have agents" in done.stderr

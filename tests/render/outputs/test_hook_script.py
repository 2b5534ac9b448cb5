"""The script of hooks: what wg-quick(8) runs, in its order, up to the first that fails."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

from meshc.render.firewall.hook_lines import Hooks
from meshc.render.outputs.hook_script import VALID_MARK, hook_script
from meshc.topology.proof.output_readers.hook_runs import read_hook_runs
from tests.support.tunnels import tunnel


def run(tmp_path: Path, hooks: Hooks, word: str) -> tuple[int, list[str]]:
    """(status, what was called), with a stand-in for ip."""
    script = tmp_path / "script"
    script.write_text(hook_script(replace(tunnel("desk"), hooks=hooks)))
    (tmp_path / "ip").write_text(f'#!/bin/sh\necho "ip $*" >> {tmp_path}/log\n')
    (tmp_path / "ip").chmod(0o755)
    path = f"{tmp_path}:/usr/bin:/bin"
    done = subprocess.run(["bash", str(script), word], env={"PATH": path}, check=False)
    return done.returncode, (tmp_path / "log").read_text().splitlines()


def test_hooks_run_around_the_link(tmp_path: Path) -> None:
    log = f">> {tmp_path}/log"
    hooks = Hooks(
        (f"echo before %i {log}",), (f"""echo "it's" up {log}""",),
        (f"echo going {log}",), (f"echo gone {log}",),
    )  # fmt: skip
    assert run(tmp_path, hooks, "up") == (
        0, ["before wg0", "ip link set dev wg0 up", "it's up"],
    )  # fmt: skip
    (tmp_path / "log").unlink()
    assert run(tmp_path, hooks, "down") == (0, ["going", "ip link set dev wg0 down", "gone"])


def test_a_hook_that_fails_takes_the_link_down(tmp_path: Path) -> None:
    """wg-quick(8) takes the tunnel down then: nothing is carried without its rules."""
    hooks = Hooks(post_up=("true", "false | true", f"echo too late >> {tmp_path}/log"))
    status, log = run(tmp_path, hooks, "up")
    assert status != 0
    assert log == ["ip link set dev wg0 up", "ip link set dev wg0 down"]


def test_nothing_to_run_is_no_script() -> None:
    assert hook_script(tunnel("desk")) == ""
    assert VALID_MARK in hook_script(tunnel("laptop"))


def test_the_proof_reads_every_hook_of_a_relay_back() -> None:
    hub = tunnel("hub")
    runs = read_hook_runs(hook_script(hub), "s", "wg0")
    assert runs.post_up
    for when in ("pre_up", "post_up", "pre_down", "post_down"):
        lines = tuple(line.replace("%i", "wg0") for line in getattr(hub.hooks, when))
        assert getattr(runs, when) == lines

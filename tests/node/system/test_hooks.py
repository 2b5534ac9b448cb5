"""Hooks run as wg-quick runs them, and only from files that nobody else can write."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meshc.errors import NodeError
from meshc.node.system.hooks import Hook, refusal, run
from tests.support import wgconf


def test_the_interface_is_put_in_everywhere(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("PostUp", f"echo %i %i $INTERFACE $LC_ALL >> {out}", "wg0")
    assert out.read_text() == "wg0 wg0 wg0 C\n"


@pytest.mark.parametrize(
    "line",
    ["false", "false; true", "false | true", "exit 3", "no-such-program-here", "[[ %i == eth* ]]"],
)
def test_a_failing_hook_is_an_error(line: str) -> None:
    with pytest.raises(NodeError, match="PreUp failed"):
        run("PreUp", line, "wg0")


@pytest.mark.parametrize("line", ["true", "false || true", "[[ %i == @(wg|tun)[0-9] ]]"])
def test_bash_is_what_wg_quick_has(line: str) -> None:
    run("PreUp", line, "wg0")


def test_a_hook_says_what_it_will_run() -> None:
    assert Hook("wg0", "PostUp", "echo %i").describe() == "PostUp: echo wg0"


def test_files_that_others_can_write_are_refused(tmp_path: Path) -> None:
    path = wgconf.write(tmp_path / "c", "wg0", wgconf.interface())
    assert refusal(path) == ""
    path.chmod(0o620)
    assert "can be written by others" in refusal(path)
    path.chmod(0o600)
    path.parent.chmod(0o777)
    assert "can be written by others" in refusal(path)
    # in a sticky directory nobody can replace the file of another (/tmp)
    path.parent.chmod(0o1777)
    assert refusal(path) == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_files_of_others_are_refused(tmp_path: Path) -> None:
    path = wgconf.write(tmp_path / "c", "wg0", wgconf.interface())
    os.chown(path, 1000, 1000)
    assert "belongs to user 1000" in refusal(path)

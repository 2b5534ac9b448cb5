"""What a change is given to work with, and who may use it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from meshc.errors import NodeError
from meshc.node.machine import Machine
from meshc.node.system.rtnetlink import Netlink
from tests.support.netns import environment, needs_root, require


def test_there_is_no_backend_before_the_interface(tmp_path: Path) -> None:
    with Netlink() as netlink:
        machine = Machine(netlink, tmp_path, "t")
        with pytest.raises(NodeError, match="no engine yet"):
            _ = machine.backend
        machine.engine = machine.backends("bundled")
        assert machine.backend.name == "bundled"


def test_notes_are_kept_for_whoever_asked_for_them(tmp_path: Path) -> None:
    with Netlink() as netlink:
        asked, silent = Machine(netlink, tmp_path, "t", notes=[]), Machine(netlink, tmp_path, "t")
        for machine in (asked, silent):
            machine.note("one thing")
            machine.note("another")
    assert (asked.notes, silent.notes) == (["one thing", "another"], None)


ASK = """
from meshc.errors import NodeError
from meshc.node.machine import require_rights
try:
    require_rights()
except NodeError as error:
    print(error, "-", error.hint)
"""


def told(*rights: str) -> str:
    """What a process with these rights (setpriv(1)) is told."""
    argv = ["setpriv", *rights, sys.executable, "-c", ASK]
    done = subprocess.run(argv, env=environment(), capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.root
@needs_root[1]
def test_the_capability_counts_and_not_the_user() -> None:
    """Root in a container may lack it; the user of a service may have it."""
    require("setpriv")
    assert told() == ""
    refused = told("--inh-caps=-net_admin", "--bounding-set=-net_admin")
    assert refused.startswith("this process may not configure interfaces - this needs root")
    # reading everything: the interpreter may lie where only root looks
    somebody = ("--reuid=65534", "--regid=65534", "--clear-groups")
    caps = "+dac_read_search"
    assert "may not" in told(*somebody, f"--inh-caps={caps}", f"--ambient-caps={caps}")
    caps += ",+net_admin"
    assert told(*somebody, f"--inh-caps={caps}", f"--ambient-caps={caps}") == ""

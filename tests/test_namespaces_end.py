"""What tests start in namespaces ends with them, also when the tests are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.enginenet import SOCKETS
from tests.support.namespace_watchdog import NAMES, processes_in
from tests.support.netns import ROOT, needs_root, require, wait_until

pytestmark = needs_root
_KILLED = """
import os, signal
from tests.support.netns import Namespace
made = Namespace("killed")
made.shell("setsid sleep 4000 >/dev/null 2>&1 & setsid sleep 4001 >/dev/null 2>&1 &")
print(os.readlink(f"/proc/{made.pid}/ns/net"), flush=True)
input()
"""
_ENGINES = """
import sys
from pathlib import Path
from tests.support.enginenet import Net
with Net(Path(sys.argv[1])) as net:
    net.start("a", "wireguard-go")
    print(*net.namespaces.values(), *net.interfaces.values(), flush=True)
    input()
"""


def _running(program: str, *words: str) -> subprocess.Popen[str]:
    """A test in a process of its own, which can be killed."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(Path(ROOT))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_test_that_is_killed_leaves_nothing_behind(how: signal.Signals) -> None:
    with _running(_KILLED) as test:
        assert test.stdout is not None
        namespace = {test.stdout.readline().strip()}
        assert len(processes_in(namespace)) >= 3
        test.send_signal(how)
        wait_until(lambda: not processes_in(namespace), patience=30, what="the end of all of them")


def test_two_engines_of_a_test_that_is_killed_go_with_their_namespaces(tmp_path: Path) -> None:
    require("wireguard-go", "wg", "ip")
    with _running(_ENGINES, str(tmp_path)) as test:
        assert test.stdout is not None
        *names, left, _ = test.stdout.readline().split()
        inside = {f"net:[{(NAMES / name).stat().st_ino}]" for name in names}
        assert processes_in(inside)
        test.kill()
        gone = [*(NAMES / name for name in names), SOCKETS / f"{left}.sock"]
        wait_until(lambda: not any(path.exists() for path in gone), what="the end of all of them")
        assert not processes_in(inside)

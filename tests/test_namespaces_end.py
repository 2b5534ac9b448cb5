"""What tests start in namespaces ends with them, also when the tests are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.namespace_watchdog import processes_in
from tests.support.netns import ROOT, needs_root, wait_until

pytestmark = needs_root
_KILLED = """
import os, signal
from tests.support.netns import Namespace
made = Namespace("killed")
made.shell("setsid sleep 4000 >/dev/null 2>&1 & setsid sleep 4001 >/dev/null 2>&1 &")
print(os.readlink(f"/proc/{made.pid}/ns/net"), flush=True)
input()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_test_that_is_killed_leaves_nothing_behind(how: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(Path(ROOT))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as test:
        assert test.stdout is not None
        namespace = {test.stdout.readline().strip()}
        assert len(processes_in(namespace)) >= 3
        test.send_signal(how)
        wait_until(lambda: not processes_in(namespace), patience=30, what="the end of all of them")

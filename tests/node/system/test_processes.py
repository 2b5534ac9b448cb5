"""Background processes are found by their token, whoever remembers their number."""

from __future__ import annotations

import secrets
import sys
import time
from pathlib import Path

import pytest

from meshc.errors import NodeError
from meshc.node.system import processes
from tests.support.netns import wait_until


def test_found_by_token_and_ended(tmp_path: Path) -> None:
    token = secrets.token_hex(8)
    child = processes.start(["sleep", "1000"], token=token, log=tmp_path / "log")
    # for a moment after exec(3) a process has no environment yet
    wait_until(lambda: processes.find(token) == (child.pid,))
    assert processes.find(token + "x") == ()
    assert processes.stop(token)
    assert processes.find(token) == ()
    assert child.poll() is not None
    assert not processes.stop(token)


def test_one_that_will_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_GRACE", 0.3)
    token = secrets.token_hex(8)
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True);"
    log = tmp_path / "log"
    processes.start([sys.executable, "-c", code + "time.sleep(1000)"], token=token, log=log)
    deadline = time.monotonic() + 60
    while "deaf" not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.01)
    assert processes.find(token)
    assert processes.stop(token)
    assert processes.find(token) == ()


def test_what_cannot_be_started(tmp_path: Path) -> None:
    with pytest.raises(NodeError, match="could not start /no/such"):
        processes.start(["/no/such"], token="t", log=tmp_path / "log")


def test_the_log_is_private(tmp_path: Path) -> None:
    token = secrets.token_hex(8)
    processes.start(["sh", "-c", "echo hello"], token=token, log=tmp_path / "log")
    processes.stop(token)
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from meshc.engine.io.supervisor import notify


@pytest.mark.parametrize("abstract", [False, True])
def test_a_supervisor_hears_of_it(tmp_path: Path, abstract: bool) -> None:
    name = f"@meshc-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind("\0" + name[1:] if abstract else name)
        supervisor.settimeout(30)

        assert notify("READY=1", {"NOTIFY_SOCKET": name})

        assert supervisor.recv(100) == b"READY=1"


def test_without_a_supervisor_nothing_happens(tmp_path: Path) -> None:
    assert not notify("READY=1", {})
    assert not notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "none")})

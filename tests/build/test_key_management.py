"""The keys of a workspace while they are changed: nobody else works there meanwhile."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from meshc.build.key_management import managed_keys
from meshc.build.lock_file import read_lock
from meshc.build.workspace import Workspace
from meshc.diagnostics import Diagnostics
from meshc.errors import Refused
from tests.support.workspaces import snapshot, write_topology


def test_what_is_changed_is_recorded_at_once(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    with managed_keys(file) as keys:
        (rotation,) = keys.rotate(["laptop"])
        recorded = read_lock(Workspace(file).lock_file, Diagnostics())
        assert recorded.nodes["laptop"].public_key == rotation.after
        assert keys.rotate_preshared() == recorded.epoch + 1
    assert read_lock(Workspace(file).lock_file, Diagnostics()).epoch == recorded.epoch + 1


def test_another_run_waits(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    order: list[str] = []
    waiting = threading.Event()

    def other() -> None:
        with Workspace(file).locked(waiting.set):
            order.append("other")

    thread = threading.Thread(target=other)
    with managed_keys(file) as keys:
        thread.start()
        assert waiting.wait(60)
        keys.rotate(["laptop"])
        order.append("keys")
    thread.join()
    assert order == ["keys", "other"]


def test_a_file_with_errors_is_refused(tmp_path: Path) -> None:
    file = write_topology(tmp_path, "meshc: 1\nnodes: 7\n")
    with pytest.raises(Refused), managed_keys(file):
        pass
    assert list(snapshot(tmp_path)) == ["mesh.yaml"]

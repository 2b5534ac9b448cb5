"""The lock file: what is written is read again, and nothing is written twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.build.lock_file import read_lock, write_lock
from meshc.diagnostics import Diagnostics
from meshc.errors import Refused
from meshc.topology.planner.addressing.lock import Lock


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mesh.lock"
    assert read_lock(path, Diagnostics()) == Lock()
    lock = Lock(network="demo", epoch=3)
    assert write_lock(path, lock)
    assert read_lock(path, Diagnostics()) == lock
    before = path.stat()
    assert not write_lock(path, lock)
    assert path.stat() == before


def test_a_damaged_one_is_refused_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "mesh.lock"
    path.write_text("<<<<<<< ours\n")
    with pytest.raises(Refused, match="E311"):
        read_lock(path, Diagnostics())
    assert path.read_text() == "<<<<<<< ours\n"

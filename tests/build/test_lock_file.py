"""The lock file: what is written is read again, and nothing is written twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.build.lock_file import read_lock, require_lock, write_lock
from meshc.diagnostics import Diagnostics
from meshc.errors import Refused, StateError
from meshc.keys import NetworkSecret
from meshc.topology.planner.addressing.lock import Lock
from tests.support.memory_store import MemoryStore


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


def test_a_link_in_its_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("")
    (tmp_path / "mesh.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match=r"mesh\.lock is a symbolic link") as caught:
        read_lock(tmp_path / "mesh.lock", Diagnostics())
    assert caught.value.hint


def test_it_is_missed_only_where_a_secret_shows_that_it_was_there(tmp_path: Path) -> None:
    store, path, found = MemoryStore(), tmp_path / "mesh.lock", Diagnostics()
    require_lock(path, store, found)
    assert list(found) == []
    store.create_secret(NetworkSecret.generate())
    require_lock(path, store, found)
    assert [one.code for one in found] == ["E314"]
    write_lock(path, Lock("demo"))
    require_lock(path, store, found)
    assert len(list(found)) == 1

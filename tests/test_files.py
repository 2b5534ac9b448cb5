"""Files are written whole or not at all, and links are not followed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from meshc.errors import StateError
from meshc.files import read_regular, sync_filesystem, write_all, write_atomic


def test_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "mesh.lock"
    path.write_bytes(b"old")
    write_atomic(path, b"new", mode=0o640)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["mesh.lock"]


def test_a_failed_write_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mesh.lock"
    path.write_bytes(b"old")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["mesh.lock"]


def test_a_short_write_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data[:3])))
    with (tmp_path / "x").open("wb") as file:
        write_all(file.fileno(), b"0123456789")
    assert (tmp_path / "x").read_bytes() == b"0123456789"


def test_only_ordinary_files_are_read(tmp_path: Path) -> None:
    assert read_regular(tmp_path / "none") is None
    (tmp_path / "x").write_bytes(b"content")
    assert read_regular(tmp_path / "x") == b"content"
    (tmp_path / "link").symlink_to("x")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "."):
        with pytest.raises(StateError):
            read_regular(tmp_path / name)
    with pytest.raises(StateError, match="not an ordinary file"):
        read_regular(tmp_path / "x", limit=3)


def test_sync_is_of_one_file_system_and_of_all_where_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything: list[str] = []
    monkeypatch.setattr(os, "sync", lambda: everything.append("sync"))
    descriptor = os.open(tmp_path, os.O_RDONLY)
    sync_filesystem(descriptor)
    assert everything == []
    os.close(descriptor)
    sync_filesystem(descriptor)
    assert everything == ["sync"]

"""Files that appear whole or take another's place whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.keystore.file_publishing import exchange, publish


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def test_what_is_there_stays(directory: int, tmp_path: Path) -> None:
    assert publish(directory, {"a": b"1"}) == {"a"}
    assert publish(directory, {"a": b"2", "b": b"3", "c": b"4"}) == {"b", "c"}
    assert (tmp_path / "a").read_bytes() == b"1"
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b", "c"}


def test_what_is_exchanged_has_the_new_content_and_mode(directory: int, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    exchange(directory, {"a": b"2", "b": b"3"}, mode=0o640)
    assert [(tmp_path / name).read_bytes() for name in "ab"] == [b"2", b"3"]
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}


def test_nothing_goes_through_a_link(directory: int, tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"1")
    (tmp_path / "a").symlink_to("target")
    assert publish(directory, {"a": b"2"}) == set()
    exchange(directory, {"a": b"3"})
    assert (tmp_path / "target").read_bytes() == b"1"
    assert not (tmp_path / "a").is_symlink()

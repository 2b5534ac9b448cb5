from __future__ import annotations

import time

import pytest

from meshc.engine.io.epoch import TimestampFile
from meshc.engine.proto.tai64n import TimestampClock, WallEpoch, pack

SECOND = 1_000_000_000


def test_without_a_file_nothing_is_known(tmp_path):
    assert TimestampFile(tmp_path).newest() == 0


def test_a_clock_that_stepped_back_goes_on_after_the_newest_timestamp(tmp_path):
    future = time.time_ns() + 3600 * SECOND
    TimestampFile(tmp_path / "new").save(future, 0.0)
    newest = TimestampFile(tmp_path / "new").newest()
    assert newest == future + SECOND
    clock = TimestampClock(WallEpoch(0.0, time.time_ns()), newest)
    assert clock.stamp(0.0) > pack(future)
    assert clock.unix_ns_at(0.0) < future, "what the clock says is not touched"


def test_a_right_clock_is_not_pushed_ahead(tmp_path):
    past = time.time_ns() - SECOND // 10
    TimestampFile(tmp_path).save(past, 0.0)
    assert TimestampFile(tmp_path).newest() == past


def test_it_is_written_once_a_second_and_at_the_end(tmp_path):
    kept = TimestampFile(tmp_path)
    path = tmp_path / "engine.clock"
    texts = []
    for newest, now in ((10, 0.0), (11, 0.5), (12, 1.0), (12, 5.0)):
        kept.save(newest, now)
        texts.append(path.read_text())
    assert texts == ["10\n", "10\n", "12\n", "12\n"]
    kept.flush(13)
    assert path.read_text() == "13\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["engine.clock"]


def test_engines_share_the_file_and_the_newest_stays(tmp_path):
    one, other = TimestampFile(tmp_path), TimestampFile(tmp_path)
    one.save(20, 0.0)
    other.save(15, 0.0)
    assert (tmp_path / "engine.clock").read_text() == "20\n"
    other.save(25, 2.0)
    assert (tmp_path / "engine.clock").read_text() == "25\n"


@pytest.mark.parametrize("text", ["", "x", "-5", "1" * 50, "9" * 19, "\u0661"])
def test_a_damaged_file_is_ignored(tmp_path, text):
    (tmp_path / "engine.clock").write_text(text)
    assert TimestampFile(tmp_path).newest() == 0


def test_where_it_cannot_be_written_nothing_fails(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    kept = TimestampFile(blocked)
    kept.save(10, 0.0)
    kept.flush(11)
    assert kept.newest() == 0


def test_a_disk_that_was_full_is_tried_again(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    kept = TimestampFile(blocked)
    kept.save(10, 0.0)
    blocked.unlink()
    kept.save(11, 2.0)
    assert (blocked / "engine.clock").read_text() == "11\n"

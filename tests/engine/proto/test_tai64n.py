from __future__ import annotations

from meshc.engine.proto.tai64n import TimestampClock, WallEpoch, pack

SECOND = 1_000_000_000


def test_the_label_is_that_of_libtai():
    # https://cr.yp.to/proto/tai64.txt: 1970-01-01 00:00:10 TAI is 2^62 + 10 s, i.e. Unix 0
    assert pack(0).hex() == "400000000000000a00000000"
    # libtai: 2a2b2c2d hexadecimal seconds after the beginning of 1970 TAI
    assert pack((0x2A2B2C2D - 10) * SECOND + 500_000_000).hex() == "400000002a2b2c2d1dcd6500"


def test_stamps_grow_even_when_the_clock_does_not():
    clock = TimestampClock(WallEpoch(5.0, 1_700_000_000 * SECOND))
    stamps = [clock.stamp(now) for now in (5.0, 5.0, 4.0, 5.001, 6.0, 6.0)]
    assert stamps == sorted(set(stamps))


def test_many_at_once_do_not_run_ahead_of_the_clock():
    clock = TimestampClock(WallEpoch(0.0, 1_700_000_000 * SECOND))
    for _ in range(5000):
        clock.stamp(1.0)
    restarted = TimestampClock(WallEpoch(0.0, 1_700_000_001 * SECOND + SECOND // 10))
    assert restarted.stamp(0.0) > pack(clock.newest)


def test_stamps_hide_the_clock_below_17_milliseconds():
    clock = TimestampClock(WallEpoch(0.0, 1_700_000_000 * SECOND + 123_456_789))
    clock.stamp(0.0)
    assert clock.newest % (1 << 24) == 0


def test_a_clock_that_was_wrong_at_the_start_is_right_after_it_was_set():
    clock = TimestampClock(WallEpoch(0.0, 0))
    assert clock.stamp(1.0) < pack(2 * SECOND)
    clock.epoch = WallEpoch(2.0, 1_800_000_000 * SECOND)
    assert clock.stamp(3.0) > pack(1_800_000_000 * SECOND)
    assert clock.unix_ns_at(3.0) == 1_800_000_001 * SECOND


def test_a_clock_that_is_set_back_does_not_take_the_stamps_along():
    clock = TimestampClock(WallEpoch(0.0, 1_800_000_000 * SECOND))
    stamps = [clock.stamp(1.0)]
    clock.epoch = WallEpoch(1.0, 1_700_000_000 * SECOND)
    stamps += [clock.stamp(2.0), clock.stamp(3.0)]
    assert stamps == sorted(set(stamps))
    assert clock.unix_ns_at(1.0) == 1_700_000_000 * SECOND

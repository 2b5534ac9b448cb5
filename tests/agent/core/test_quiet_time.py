"""The quiet time grows with flaps, and is forgiven."""

from __future__ import annotations

from meshc.agent.core.quiet_time import LONGEST, SHORTEST, QuietTime


def test_it_doubles_when_the_relay_is_left_soon_after_a_return() -> None:
    quiet, now, seen = QuietTime(), 0.0, []
    for _ in range(9):
        quiet.left(now)
        seen.append(quiet.seconds)
        now += quiet.seconds
        quiet.came_back(now)
        now += 1
    assert seen == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert seen[-1] == LONGEST


def test_a_long_stay_is_forgiven() -> None:
    quiet = QuietTime(seconds=480.0)
    quiet.came_back(0.0)
    quiet.left(960.0)
    assert quiet.seconds == SHORTEST


def test_leaving_twice_counts_once() -> None:
    quiet = QuietTime()
    quiet.came_back(0.0)
    quiet.left(1.0)
    quiet.left(2.0)
    assert quiet.seconds == 2 * SHORTEST

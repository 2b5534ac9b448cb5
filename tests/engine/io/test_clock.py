from __future__ import annotations

import time

import pytest

from meshc.engine.io.clock import ClockSteps, monotonic, wall_epoch


def test_the_clock_goes_on_and_counts_what_the_machine_slept() -> None:
    before = time.monotonic()
    first, second = monotonic(), monotonic()

    assert before <= first + 1e-3
    assert first <= second


def test_the_wall_clock_is_read_beside_the_other() -> None:
    before, earliest = time.time_ns(), monotonic()
    epoch = wall_epoch()
    latest, after = monotonic(), time.time_ns()

    assert before <= epoch.unix_ns <= after
    assert earliest <= epoch.monotonic <= latest


def test_a_clock_that_only_goes_on_is_no_news() -> None:
    steps = ClockSteps()

    time.sleep(0.01)

    assert not steps.stepped()
    steps.close()


@pytest.mark.root
def test_setting_the_clock_is_told_every_time() -> None:
    """It is set to what it says anyhow: the kernel makes no difference."""
    steps = ClockSteps()

    for _ in range(2):
        try:
            time.clock_settime_ns(time.CLOCK_REALTIME, time.time_ns())
        except PermissionError:
            pytest.skip("the clock may not be set here")
        assert steps.stepped()
        assert not steps.stepped()
    steps.close()

from __future__ import annotations

import time

from meshc.engine.io.clock import monotonic


def test_the_clock_goes_on_and_counts_what_the_machine_slept() -> None:
    before = time.monotonic()
    first, second = monotonic(), monotonic()

    assert before <= first + 1e-3
    assert first <= second

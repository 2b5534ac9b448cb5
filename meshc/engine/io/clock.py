"""The engine's clock."""

from __future__ import annotations

import time


def monotonic() -> float:
    """Seconds that go on while the machine sleeps: sessions must age then, too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)

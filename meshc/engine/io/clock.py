"""The engine's clocks: one that only goes on, and the wall clock, which may be set."""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import time

from meshc.engine.proto.tai64n import WallEpoch

log = logging.getLogger(__name__)

_TFD_TIMER_ABSTIME, _TFD_TIMER_CANCEL_ON_SET = 1, 2
_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
# never: 2200-01-01
_NEVER = 7_258_118_400


def monotonic() -> float:
    """Seconds that go on while the machine sleeps: sessions must age then, too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def wall_epoch() -> WallEpoch:
    """What the wall clock says now."""
    return WallEpoch(monotonic(), time.time_ns())


class ClockSteps:
    """News of the wall clock being set, as NTP does on a machine that came up without the time.

    timerfd_create(2): a timer that is cancelled when the clock jumps. A clock that is only made
    to go faster or slower takes the monotonic one along.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = self._libc.timerfd_create(time.CLOCK_REALTIME, _FLAGS)
        if self._fd < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        self._arm()

    def fileno(self) -> int:
        """The descriptor to watch."""
        return self._fd

    def stepped(self) -> bool:
        """Whether the clock was set since the last call."""
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.ECANCELED:
                raise
        self._arm()
        return True

    def close(self) -> None:
        """Stop listening."""
        os.close(self._fd)

    def _arm(self) -> None:
        # struct itimerspec: no interval, then the moment
        moment = (ctypes.c_long * 4)(0, 0, _NEVER, 0)
        flags = _TFD_TIMER_ABSTIME | _TFD_TIMER_CANCEL_ON_SET
        self._libc.timerfd_settime(self._fd, flags, ctypes.byref(moment), None)

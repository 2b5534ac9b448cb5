"""TAI64N timestamps of initiations (whitepaper 5.1; https://cr.yp.to/libtai/tai64.html).

They must grow for ever, per peer, or the peer takes our initiation for a replay. They are what
the wall clock says, and where that has stepped back, a little more than the newest one.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

TIMESTAMP_LENGTH = 12
# TAI was ten seconds ahead of UTC in 1970; 2^62 marks the epoch
_BASE = (1 << 62) + 10
_FORMAT = struct.Struct(">QI")
# wireguard-go cuts 24 bits off, so that initiations do not tell our clock to the nanosecond
_GRAIN = 1 << 24
_SECOND = 1_000_000_000


class WallEpoch(NamedTuple):
    """Unix time in nanoseconds at one reading of the monotonic clock (seconds)."""

    monotonic: float
    unix_ns: int


class TimestampClock:
    """Makes timestamps that only grow, one sequence for all peers of a device.

    `epoch` is for the shell to renew when the wall clock is set. `newest` is the newest timestamp
    handed out, in Unix nanoseconds, also before a restart if the shell has kept it.
    """

    __slots__ = ("epoch", "newest")

    def __init__(self, epoch: WallEpoch, newest: int = 0) -> None:
        self.epoch = epoch
        self.newest = newest

    def stamp(self, now: float) -> bytes:
        """12 bytes, greater than every one before.

        Initiations within one grain differ by a nanosecond, so that many peers at once do not
        drive the sequence ahead of the clock (it would be lost after a restart).
        """
        value = self.unix_ns_at(now) // _GRAIN * _GRAIN
        self.newest = max(value, self.newest + 1)
        return pack(self.newest)

    def unix_ns_at(self, now: float) -> int:
        """Unix time at the monotonic time `now`."""
        return self.epoch.unix_ns + round((now - self.epoch.monotonic) * 1e9)


def pack(unix_ns: int) -> bytes:
    """Unix nanoseconds -> label; byte order is time order."""
    seconds, nanoseconds = divmod(unix_ns, _SECOND)
    return _FORMAT.pack(_BASE + seconds, nanoseconds)

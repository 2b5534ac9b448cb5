"""The newest timestamp of this machine's initiations, kept across restarts.

A peer takes an initiation for a replay unless its timestamp is newer than all before
(whitepaper 5.1). Where the clock has stepped back since, as on a machine without a battery
clock after a power cut, a restarted engine would be ignored until the clock has caught up. The
kernel module has no cure; here a small file remembers how far the timestamps had come.
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

log = logging.getLogger(__name__)

# systemd sets STATE_DIRECTORY for a unit with StateDirectory=
DIRECTORY = Path(os.environ.get("STATE_DIRECTORY", "/var/lib/meshc").partition(":")[0])
_SECOND = 1_000_000_000
# a file that says more than this is damaged: 2200-01-01
_LIMIT = 7_258_118_400 * _SECOND


class TimestampFile:
    """`engine.clock`: Unix nanoseconds as decimal text, for all interfaces, since they share the
    clock. Where it cannot be written, nothing is kept and nothing fails."""

    def __init__(self, directory: Path = DIRECTORY) -> None:
        self._path = directory / "engine.clock"
        self._saved = 0
        self._saved_at = float("-inf")
        self._complained = False

    def newest(self) -> int:
        """Unix nanoseconds that no earlier timestamp of this machine has reached, 0 for none kept.

        Where the clock is behind, that is a second after the one that was kept: a little later
        ones may not have been.
        """
        now, newest = time.time_ns(), self._load()
        if newest < now:
            return newest
        log.warning(
            "the clock is %d s behind the newest handshake sent from here, after which "
            "timestamps go on; if the clock was wrong then, remove %s",
            (newest - now) // _SECOND,
            self._path,
        )
        return newest + _SECOND

    def save(self, newest: int, monotonic: float) -> None:
        """Remembers a timestamp, at most once a second."""
        if newest > self._saved and monotonic - self._saved_at >= 1:
            self._saved_at = monotonic
            self.flush(newest)

    def flush(self, newest: int) -> None:
        """Remembers a timestamp now, unless another engine has remembered a newer one."""
        if newest <= self._saved:
            return
        self._saved = newest
        if newest <= self._load():
            return
        temporary = self._path.with_suffix(f".{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(f"{newest}\n")
            temporary.replace(self._path)
        except OSError as error:
            # a full disk or too many open files may pass
            if not self._complained:
                log.info("timestamps are not kept in %s: %s", self._path, error.strerror)
            self._complained = True

    def _load(self) -> int:
        try:
            text = self._path.read_text().strip()
        except (OSError, UnicodeDecodeError):
            return 0
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
        return number if number < _LIMIT else 0

"""A program on a terminal of its own, with somebody who reads and types."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any


class Terminal:
    """The program runs until the `with` ends at the latest; `said` is all that it has printed."""

    def __init__(self, argv: Sequence[str], **options: Any) -> None:
        self._own, other = pty.openpty()
        try:
            self._process = subprocess.Popen(
                ["setsid", "--ctty", *argv], stdin=other, stdout=other, stderr=other, **options
            )
        finally:
            os.close(other)
        self.said = ""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._own)

    def wait_for(self, words: str, *, patience: float = 60) -> None:
        """Until it has printed them."""
        end = time.monotonic() + patience
        while words not in self.said:
            if not self._read(end):
                raise AssertionError(f"{words!r} did not come:\n{self.said}")

    def type(self, line: str) -> None:
        os.write(self._own, line.encode() + b"\n")

    def wait(self, *, patience: float = 120) -> int:
        """Its exit code, when it has ended by itself."""
        end = time.monotonic() + patience
        while self._read(end):
            continue
        return self._process.wait(max(1.0, end - time.monotonic()))

    def _read(self, end: float) -> bool:
        """Some more of what it prints; False at its end, or when the time is over."""
        while time.monotonic() < end:
            if select.select([self._own], [], [], 0.2)[0]:
                try:
                    data = os.read(self._own, 1 << 16)
                except OSError:  # EIO: nobody holds the other side any more
                    return False
                self.said += data.decode(errors="replace")
                return bool(data)
        return False

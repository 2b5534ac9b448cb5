"""Progress: what a command does at the moment, on a terminal, and nothing of it afterwards.

One display for all commands: a stage, with a bar where it is known how much there is to do, and a
line for each of several things that go on side by side. rich is imported once something is shown.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

MOST_ROWS = 30
PAUSE = 0.05
"""Seconds between two looks at a bar."""


class ProgressDisplay:
    """Shows nothing before `patience` seconds are over, and nothing at all unless stderr is a
    terminal. With `lines`, steps are printed as lines where it is none."""

    def __init__(self, *, patience: float = 0.0, lines: bool = False) -> None:
        self._patience, self._lines = patience, lines
        self._terminal = sys.stderr.isatty()  # later, rich stands in between and says no
        self._begun = time.monotonic()
        self._shown = 0.0
        self._stage: tuple[str, int, int] | None = None
        self._steps: dict[str, tuple[int, str]] = {}
        self._live: Live | None = None

    def __enter__(self) -> ProgressDisplay:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear()

    def stage(self, text: str, done: int = 0, total: int = 0) -> None:
        """What is done now, and how much of how much (0: not known)."""
        same = self._stage is not None and self._stage[0] == text
        self._stage = (text, done, total)
        # each part of a long stage is not worth a look of its own
        if not (same and done != total and time.monotonic() - self._shown < PAUSE):
            self._show()

    def step(self, name: str, text: str) -> None:
        """What one of several does now."""
        place, _ = self._steps.pop(name, (len(self._steps), ""))
        self._steps[name] = (place, text)  # the latest are the last
        if self._lines and not self._terminal:
            click.echo(f"{name}: {text}", err=True)
        else:
            self._show()

    def clear(self) -> None:
        """Takes the display away; the next stage or step brings it back."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        self._stage = None
        self._steps.clear()

    def _show(self) -> None:
        now = time.monotonic()
        if now - self._begun < self._patience or not self._terminal:
            return
        self._shown = now
        if self._live is None:
            from rich.console import Console
            from rich.live import Live

            console = Console(stderr=True, highlight=False)
            self._live = Live(console=console, transient=True, auto_refresh=False)
            self._live.start()
        self._live.update(self._picture(), refresh=True)

    def _picture(self) -> RenderableType:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 1))
        if self._stage is not None:
            text, done, total = self._stage
            bar = (ProgressBar(total, done, width=40), Text(f"{done}/{total}")) if total else ()
            table.add_row(Text(text), *bar)
        latest = list(self._steps.items())[-MOST_ROWS:]
        for name, (_, text) in sorted(latest, key=lambda row: row[1][0]):
            table.add_row(Text(name), Text(text))
        return table

"""Progress only on a terminal, and only when it takes longer than a second."""

from __future__ import annotations

import sys

import pytest

from meshc.cli.views import late_progress
from meshc.cli.views.late_progress import LateProgress


@pytest.mark.parametrize(
    ("terminal", "elapsed", "shown"), [(True, 2.0, True), (True, 0.5, False), (False, 2.0, False)]
)
def test_who_sees_it(
    terminal: bool,
    elapsed: float,
    shown: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    times = iter([0.0])
    monkeypatch.setattr(late_progress.time, "monotonic", lambda: next(times, elapsed))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with LateProgress() as progress:
        progress("files", 3, 10)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert ("files" in captured.err) == shown

"""Progress only on a terminal, and only when it takes longer than somebody has patience."""

from __future__ import annotations

import sys

import pytest

from meshc.cli.views import progress as module
from meshc.cli.views.progress import ProgressDisplay


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """To be called by the test itself: pytest takes standard error away from its fixtures."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")


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
    monkeypatch.setattr(module.time, "monotonic", lambda: next(times, elapsed))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with ProgressDisplay(patience=1.0) as progress:
        progress.stage("files", 3, 10)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert ("files" in captured.err) == shown
    assert ("3/10" in captured.err) == shown


def test_steps_go_on_side_by_side_and_nothing_stays(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_a_terminal(monkeypatch)
    with ProgressDisplay(lines=True) as progress:
        progress.step("hub", "connect")
        progress.step("laptop", "check")
        shown = capsys.readouterr().err
    assert "hub" in shown
    assert "check" in shown
    assert "\x1b[2K" in capsys.readouterr().err  # the lines are erased


def test_what_is_cleared_comes_back_with_the_next_stage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_a_terminal(monkeypatch)
    with ProgressDisplay() as progress:
        progress.stage("build")
        progress.clear()
        capsys.readouterr()
        progress.stage("addresses")
    assert "addresses" in capsys.readouterr().err


def test_of_many_steps_the_latest_are_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_a_terminal(monkeypatch)
    progress = ProgressDisplay()
    for number in range(40):
        progress.step(f"node{number}", "ping")
    progress.step("node0", "pong")
    capsys.readouterr()
    progress.stage("last")
    shown = capsys.readouterr().err
    progress.clear()
    assert "node0 " in shown
    assert "pong" in shown
    assert "node5 " not in shown


def test_without_a_terminal_steps_are_lines_where_lines_are_wanted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with ProgressDisplay(lines=True) as loud, ProgressDisplay() as quiet:
        loud.step("hub", "connect")
        loud.stage("not a line")
        quiet.step("hub", "connect")
    assert capsys.readouterr().err == "hub: connect\n"

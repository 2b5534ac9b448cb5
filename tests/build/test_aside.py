"""Work in a thread: it is done when asked for, and its failure is told here."""

from __future__ import annotations

import threading

import pytest

from meshc.build.aside import Aside


def test_it_runs_beside_and_is_done_afterwards() -> None:
    go, done = threading.Event(), []
    work = Aside(lambda: (go.wait(60), done.append(1))[1])
    assert not done
    go.set()
    work.finish()
    assert done == [1]


def test_its_failure_is_raised_by_finish_alone() -> None:
    def fail() -> None:
        raise OSError(28, "No space left on device")

    work = Aside(fail)
    work.wait()
    with pytest.raises(OSError, match="No space"):
        work.finish()
    assert threading.active_count() == 1

"""Tests of real machines that failed beside others: worth a second try, alone.

They wait for what kernels, daemons and timers of seconds do, on a machine that runs five of them at
once and may be a third as fast as the one they were written on. `./dev test` runs those again that
failed, one after the other, and names them; a test that fails alone as well has failed. A test that
needs no root waits for nothing, and has no second try."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

MOST = 5
"""More than these are no accident of a busy machine."""


def worth_another(reports: Iterable[pytest.TestReport | pytest.CollectReport]) -> list[str]:
    """The node ids of what failed, if all of it may be tried again; else none."""
    failed: dict[str, bool] = {}
    for report in reports:
        failed[report.nodeid] = isinstance(report, pytest.TestReport) and "root" in report.keywords
    return list(failed) if len(failed) <= MOST and all(failed.values()) else []


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What `./dev test` may run again, a line each, in the file that it named."""
    file = os.environ.get("MESHC_TEST_AGAIN")
    if file:
        stats = terminalreporter.stats
        failed = worth_another([*stats.get("failed", []), *stats.get("error", [])])
        Path(file).write_text("".join(f"{nodeid}\n" for nodeid in failed))

"""Tests of real machines that failed beside others: worth a second try, alone.

They wait for what kernels, daemons and timers of seconds do, on a machine that runs five of them at
once and may be a third as fast as the one they were written on. `./dev test` runs those again that
failed, one after the other, and names them; a test that fails alone as well has failed. A test that
needs no root waits for nothing, and has no second try."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

MOST = 5
"""More than these are no accident of a busy machine."""


def worth_another(reports: Iterable[pytest.TestReport | pytest.CollectReport]) -> list[str]:
    """The node ids of what failed, if all of it may be tried again; else none."""
    failed: dict[str, bool] = {}
    for report in reports:
        failed[report.nodeid] = isinstance(report, pytest.TestReport) and "root" in report.keywords
    return list(failed) if len(failed) <= MOST and all(failed.values()) else []

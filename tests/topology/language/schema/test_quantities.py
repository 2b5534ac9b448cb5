"""Amounts with their units, and days."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.topology.language.schema.quantities import date, quantity
from meshc.topology.language.schema.scalars import Mistake

TIME = quantity({"": 1, "ms": 1, "us": 0.001, "s": 1000}, "a time", 60_000)


@pytest.mark.parametrize(
    ("written", "read"),
    [("20ms", 20), ("1.5 s", 1500), (7, 7), ("7", 7), ("300us", 0.3), (0.5, 0.5)],
)
def test_an_amount_is_read_in_its_unit(written: Any, read: float) -> None:
    assert TIME(written) == pytest.approx(read)


@pytest.mark.parametrize(
    "written", ["", "ms", "-1ms", "1 week", "1e3ms", "61s", None, [], "1" * 50]
)
def test_what_is_no_amount_is_refused(written: Any) -> None:
    with pytest.raises(Mistake):
        TIME(written)


@given(st.dates(), st.dates())
def test_days_sort_as_text(one: datetime.date, other: datetime.date) -> None:
    assert (date(one.isoformat()) < date(other.isoformat())) == (one < other)


@pytest.mark.parametrize("written", ["2027-02-29", "27-01-01", "2027-1-1", "2027-W01-1", 20270101])
def test_what_is_no_day_is_refused(written: Any) -> None:
    with pytest.raises(Mistake):
        date(written)

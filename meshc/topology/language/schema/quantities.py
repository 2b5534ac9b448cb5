"""Values that are measured: amounts with a unit, and days."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any

from meshc.topology.language.schema.scalars import Mistake, expected, text
from meshc.topology.language.wording import quote

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z%]*)\Z")


def date(value: Any) -> str:
    """A day of the calendar, as text that sorts like the days (RFC 3339 section 5.6, full-date)."""
    word = text(value)
    try:
        if not _DAY.match(word):  # Python takes weeks as well
            raise ValueError
        return datetime.date.fromisoformat(word).isoformat()
    except ValueError:
        hint = "write year-month-day, such as 2027-01-31."
        raise Mistake("E113", f"{quote(word)} is not a date", hint) from None


def quantity(units: dict[str, float], what: str, most: float) -> Callable[[Any], float]:
    """A number with a unit, turned into the unit whose factor is 1."""

    def read(value: Any) -> float:
        if type(value) in (int, float):
            value = repr(value)
        found = _QUANTITY.match(value) if isinstance(value, str) and len(value) < 40 else None
        if found is None or found[2].lower() not in units:
            raise expected(what, value)
        number = float(found[1]) * units[found[2].lower()]
        if number > most:
            raise Mistake("E114", f"{quote(str(value))} is too much")
        return number

    return read

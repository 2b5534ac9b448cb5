"""Expiry: which nodes are past their last day, or will be within some time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple

from meshc.topology.language.spec import Spec


class Expiring(NamedTuple):
    """A node and the last day on which it is part of the network; `left` are the days until then,
    0 on the day itself, negative when it is out already."""

    node: str
    last_day: date
    left: int


def expiring(spec: Spec, today: date, within: timedelta) -> tuple[Expiring, ...]:
    """Those whose last day is at most `within` ahead, and those past theirs; the first first."""
    return tuple(sorted(_near(spec, today, within), key=lambda one: (one.last_day, one.node)))


def _near(spec: Spec, today: date, within: timedelta) -> Iterable[Expiring]:
    for node, text in spec.last_days.items():
        last = date.fromisoformat(text)
        if last - today <= within:
            yield Expiring(node, last, (last - today).days)

"""Edge routes: lines that go around the boxes and labels between their ends.

A straight line is taken where nothing is in its way; else the gentlest curve to either side that
touches nothing. Where no curve is free (a crowded picture) the one that touches least is taken.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from meshc.render.diagram.placement import Box

CLEARANCE = 5.0
"""How far a line stays away from what it goes around, in user units."""

MOST_ROUTED = 600
"""Above this many lines a picture is a tangle anyway, and is read by pointing at one node."""

_BENDS = tuple(side * bend for bend in (0.12, 0.25, 0.4, 0.6, 0.85, 1.15) for side in (1, -1))
_SAMPLES = 48

Point = tuple[float, float]


def control_point(a: Box, b: Box, obstacles: Iterable[Box], *, first: float = 0.0) -> Point | None:
    """The control point of a quadratic curve from the middle of `a` to that of `b`, None for a
    straight line. `first` is the bend to try before all others, in lengths of the line."""
    near = _near(a, b, obstacles)
    best: tuple[int, Point | None] | None = None
    for control in _candidates(a, b, first):
        touched = sum(_crosses(curve(a, b, control), box) for box in near)
        if not touched:
            return control
        if best is None or touched < best[0]:
            best = touched, control
    assert best is not None
    return best[1]


def curve(a: Box, b: Box, control: Point | None) -> list[Point]:
    """Points along a line, ends included."""
    cx, cy = control or ((a.x + b.x) / 2, (a.y + b.y) / 2)
    points = []
    for step in range(_SAMPLES + 1):
        t = step / _SAMPLES
        p, q, r = (1 - t) ** 2, 2 * t * (1 - t), t * t
        points.append((p * a.x + q * cx + r * b.x, p * a.y + q * cy + r * b.y))
    return points


def _candidates(a: Box, b: Box, first: float) -> Iterator[Point | None]:
    """Gentle curves before sharp ones, and those that bend in the middle before those that bend
    near an end."""
    for bend in (first, *((0.0,) if first else ()), *_BENDS):
        yield _control(a, b, bend) if bend else None
    for along in (0.2, 0.8, 0.0, 1.0):
        for bend in _BENDS:
            yield _control(a, b, bend, along)


def _control(a: Box, b: Box, bend: float, along: float = 0.5) -> Point:
    """Beside the line, `bend` of its length away."""
    x, y = a.x + (b.x - a.x) * along, a.y + (b.y - a.y) * along
    return x - (b.y - a.y) * bend, y + (b.x - a.x) * bend


def _near(a: Box, b: Box, obstacles: Iterable[Box]) -> list[Box]:
    """What a curve of the largest bend could touch; the ends themselves are none of it."""
    reach = math.hypot(b.x - a.x, b.y - a.y) * 0.7
    left, right = min(a.x, b.x) - reach, max(a.x, b.x) + reach
    top, bottom = min(a.y, b.y) - reach, max(a.y, b.y) + reach
    return [
        box
        for box in obstacles
        if box not in (a, b)
        and left < box.x + box.width / 2
        and box.x - box.width / 2 < right
        and top < box.y + box.height / 2
        and box.y - box.height / 2 < bottom
    ]


def _crosses(points: Sequence[Point], box: Box) -> bool:
    """Whether one of the pieces between the points enters the box."""
    wide, high = box.width / 2 + CLEARANCE, box.height / 2 + CLEARANCE
    left, right, top, bottom = box.x - wide, box.x + wide, box.y - high, box.y + high
    x0, y0 = points[0]
    for x1, y1 in points[1:]:
        if (
            max(x0, x1) > left
            and min(x0, x1) < right
            and max(y0, y1) > top
            and min(y0, y1) < bottom
            and _enters(x0, y0, x1 - x0, y1 - y0, (left, right, top, bottom))
        ):
            return True
        x0, y0 = x1, y1
    return False


def _enters(x: float, y: float, dx: float, dy: float, sides: Sequence[float]) -> bool:
    """Liang and Barsky: the part of a segment that lies inside of all four sides."""
    left, right, top, bottom = sides
    begin, end = 0.0, 1.0
    for move, distance in ((-dx, x - left), (dx, right - x), (-dy, y - top), (dy, bottom - y)):
        if move == 0:
            if distance < 0:
                return False
        elif move < 0:
            begin = max(begin, distance / move)
        else:
            end = min(end, distance / move)
    return begin < end

"""No line of a picture goes through a box or a label that is not its end."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.build.pipeline import plan_file
from meshc.render.diagram.edge_routes import Point, control_point, curve
from meshc.render.diagram.picture import picture
from meshc.render.diagram.placement import Box, layout
from meshc.render.diagram.svg import edges

EXAMPLES = sorted(Path("examples/topologies").glob("*/mesh.yaml"))


def inside(points: list[Point], box: Box) -> bool:
    """The slow oracle: a thousand points of the line, looked at one by one."""
    return any(
        abs(x - box.x) < box.width / 2 and abs(y - box.y) < box.height / 2 for x, y in points
    )


def densely(a: Box, b: Box, control: Point | None) -> list[Point]:
    cx, cy = control or ((a.x + b.x) / 2, (a.y + b.y) / 2)
    found = []
    for step in range(1001):
        t = step / 1000
        p, q, r = (1 - t) ** 2, 2 * t * (1 - t), t * t
        found.append((p * a.x + q * cx + r * b.x, p * a.y + q * cy + r * b.y))
    return found


def drawn(path: str) -> Point | None:
    """The control point of SVG path data."""
    if "Q" not in path:
        return None
    x, y = path.partition("Q")[2].split()[:2]
    return float(x), float(y)


@pytest.mark.parametrize(
    "file",
    [file for file in EXAMPLES if file.parent.name != "large"],
    ids=lambda file: file.parent.name,
)
def test_lines_of_the_examples_go_around_what_is_between(file: Path) -> None:
    shown = picture(plan_file(file))
    place = layout(shown)
    found = edges(shown, place, bounced=True)
    assert found
    for edge in found:
        a, b = place.nodes[edge.a], place.nodes[edge.b]
        line = densely(a, b, drawn(edge.path))
        for box in place.obstacles():
            if box not in (a, b):
                assert not inside(line, box), (edge.title, box)


def test_a_free_way_is_straight() -> None:
    a, b = Box(0, 0, 80, 50), Box(400, 0, 80, 50)
    assert control_point(a, b, [a, b, Box(200, 200, 80, 50)]) is None


def test_a_box_in_the_way_is_passed_by_the_gentlest_curve() -> None:
    a, b, between = Box(0, 0, 80, 50), Box(400, 0, 80, 50), Box(200, 0, 80, 50)
    control = control_point(a, b, [a, between, b])
    assert control is not None
    assert control[0] == 200
    assert 60 < abs(control[1]) <= 0.4 * 400
    assert not inside(densely(a, b, control), between)


@given(boxes=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 900)), max_size=8, unique=True))
@settings(max_examples=60, deadline=None)
def test_what_is_not_touched_at_its_samples_is_not_touched_between(
    boxes: list[tuple[int, int]],
) -> None:
    """The pieces between samples are looked at as a whole: a small box falls through no gap."""
    a, b = Box(-200, -200, 40, 20), Box(1100, 1100, 40, 20)
    obstacles = [Box(x, y, 30, 30) for x, y in boxes]
    control = control_point(a, b, obstacles)
    line = densely(a, b, control)
    free = not any(inside(line, box) for box in obstacles)
    touched_everywhere = all(
        any(inside(densely(a, b, (450 - 1300 * bend, 450 + 1300 * bend)), box) for box in obstacles)
        for bend in (0.12, -0.12, 0.25, -0.25)
    )
    assert free or touched_everywhere


def test_a_line_has_its_ends() -> None:
    a, b = Box(0, 0, 80, 50), Box(400, 100, 80, 50)
    points = curve(a, b, (10.0, 300.0))
    assert (points[0], points[-1]) == ((0, 0), (400, 100))

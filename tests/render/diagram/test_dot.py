"""Graphviz: complete, and safe with hostile names."""

from __future__ import annotations

import re

from meshc.render.diagram.dot import dot
from meshc.render.diagram.picture import picture
from tests.support.hostile_picture import hostile
from tests.support.plans import star


def test_dot_quotes_every_name() -> None:
    text = dot(hostile())
    unescaped = re.sub(r"\\.", "", text)
    assert all(line.count('"') % 2 == 0 for line in unescaped.splitlines())
    assert dot(picture(star())).count(" -- ") == 10

"""SVG: well-formed, complete, and safe with hostile names."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from meshc.render.diagram.picture import picture
from meshc.render.diagram.svg import svg
from tests.support.hostile_picture import HOSTILE, hostile
from tests.support.plans import star


def test_svg_is_well_formed_and_has_every_node_and_link() -> None:
    tree = ET.fromstring(svg(picture(star())))
    classes = [element.get("class") for element in tree.iter()]
    assert classes.count("direct") == 7
    assert classes.count("bounced") == 3
    assert classes.count("node relay") == 1


def test_svg_shows_hostile_names_as_text() -> None:
    text = svg(hostile())
    names = [e.text for e in ET.fromstring(text).iter() if e.get("class") == "name"]
    assert names == [HOSTILE + str(i) for i in range(5)]
    assert "<img" not in text

"""Mermaid, dot, SVG and HTML: well-formed, complete, and safe with hostile names."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

from meshc.render.diagram.dot import dot
from meshc.render.diagram.html import html
from meshc.render.diagram.mermaid import mermaid
from meshc.render.diagram.picture import Picture, picture
from meshc.render.diagram.svg import svg
from tests.support.plans import star

HOSTILE = "</script><img src=x onerror=alert(1)>\"\\]'&#{{ 7*7 }}"


def hostile() -> Picture:
    """The star with every text replaced by something that wants out of its place."""
    drawn = picture(star())
    nodes = tuple(
        replace(n, name=HOSTILE + str(i), site=HOSTILE if n.site else "", notes=(HOSTILE,))
        for i, n in enumerate(drawn.nodes)
    )
    return replace(drawn, title=HOSTILE, nodes=nodes, sites={HOSTILE: "symmetric"})


def test_mermaid_draws_direct_and_bounced_differently() -> None:
    text = mermaid(picture(star()))
    assert text.count(" --- ") == 7
    assert text.count(" -.- ") == 3
    assert 'n3{{"public-server1<br/>10.0.44.13"}}' in text


def test_mermaid_keeps_hostile_names_in_their_label() -> None:
    for line in mermaid(hostile()).splitlines():
        assert line.count('"') in (0, 2)


def test_dot_quotes_every_name() -> None:
    text = dot(hostile())
    unescaped = re.sub(r"\\.", "", text)
    assert all(line.count('"') % 2 == 0 for line in unescaped.splitlines())
    assert dot(picture(star())).count(" -- ") == 10


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


def test_html_data_survives_and_nothing_escapes_the_script() -> None:
    page = html(hostile())
    assert "<img" not in page
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.S)
    assert found
    data = json.loads(found[1])
    assert [node["name"] for node in data["nodes"]] == [HOSTILE + str(i) for i in range(5)]
    assert data["via"][data["paths"][0][1]] == [3]


def test_html_asks_nothing_of_the_network() -> None:
    page = html(picture(star()))
    links = re.findall(r"""(?:src|href|url\()\s*=?\s*["']?([^"'\s)>]+)""", page)
    assert [link for link in links if link != "data:,"] == []


def test_the_same_plan_gives_the_same_bytes() -> None:
    for draw in (mermaid, dot, svg, html):
        assert draw(picture(star())) == draw(picture(star()))

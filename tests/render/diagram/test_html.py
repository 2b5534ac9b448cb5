"""The page: nothing from outside, and nothing gets out of its data."""

from __future__ import annotations

import json
import re

from meshc.render.diagram.html import html
from meshc.render.diagram.picture import picture
from tests.render.diagram.test_picture import POLICIES
from tests.support.hostile_picture import HOSTILE, hostile
from tests.support.plans import star
from tests.support.policy_networks import policy_network


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


def test_the_page_knows_who_may_begin_what() -> None:
    page = html(picture(policy_network(POLICIES).plan))
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.S)
    assert found
    data = json.loads(found[1])
    of = dict(zip([node["name"] for node in data["nodes"]], data["may"]["of"], strict=True))
    cells = data["may"]["cells"]
    assert cells == {f"{of['a']} {of['b']}": "tcp/22"}
    assert of["c"] == of["hub"] != of["a"]

"""The page: nothing from outside, and nothing gets out of its data."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from meshc.build.pipeline import plan_file
from meshc.render.diagram.html import html
from meshc.render.diagram.picture import picture
from meshc.render.templates import source
from tests.render.diagram.test_picture import POLICIES
from tests.support.company_network import company_file
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


def palette(name: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z0-9]+):(#[0-9a-f]{6})", source(name)))


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance and contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", ["diagram_light.css", "diagram_dark.css"])
def test_texts_and_lines_stand_out_from_what_is_behind_them(name: str) -> None:
    """4.5 for text, 3 for lines and borders: WCAG 2.2, 1.4.3 and 1.4.11."""
    colour = palette(name)
    texts = [("ink", behind) for behind in ("bg", "site", "box", "public", "panel")]
    texts += [("soft", behind) for behind in ("bg", "site", "box", "panel")]
    texts += [("onrelay", "relay")]
    lines = [(line, "bg") for line in ("line", "bounce", "edge", "hit", "relay")]
    lines += [("line", "site"), ("bounce", "site"), ("edge", "box")]
    assert [pair for pair in texts if contrast(*(colour[part] for part in pair)) < 4.5] == []
    assert [pair for pair in lines if contrast(*(colour[part] for part in pair)) < 3] == []


def test_the_signs_in_the_matrix_can_be_read() -> None:
    """Relays are told apart by a number as well as by a colour."""
    page = source("diagram.html.j2")
    light, dark = [
        dict(re.findall(r"--(v\d):(#[0-9a-f]{6})", line))
        for line in page.splitlines()
        if "--v0" in line
    ]
    for colours, name in ((light, "diagram_light.css"), (dark, "diagram_dark.css")):
        assert len(set(colours.values())) == 6
        assert [v for v in colours.values() if contrast(v, palette(name)["bg"]) < 4.5] == []


class Names(HTMLParser):
    """Controls, and what a screen reader calls them."""

    def __init__(self) -> None:
        super().__init__()
        self.nameless: list[str] = []
        self._open: tuple[str, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("button", "input", "select", "canvas", "svg") or given.get("role") == "button":
            if not given.get("aria-label") and tag != "button":
                self.nameless.append(tag)
            self._open = (tag, given.get("aria-label") or "") if tag == "button" else self._open

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self._open = (self._open[0], self._open[1] + data.strip())

    def handle_endtag(self, tag: str) -> None:
        if self._open is not None and tag == "button":
            if not self._open[1]:
                self.nameless.append(tag)
            self._open = None


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> str:
    return html(picture(plan_file(company_file(tmp_path_factory.mktemp("company"), 60))))


def test_every_control_has_a_name(large: str) -> None:
    reader = Names()
    reader.feed(large)
    assert reader.nameless == []
    assert '<html lang="en">' in large


def test_a_large_network_begins_with_its_sites(large: str) -> None:
    pressed = re.findall(r'<button type="button" data-view="(\w+)" aria-pressed="true"', large)
    assert pressed == ["sites"]
    assert re.findall(r'<div class="canvas" data-view="(\w+)">', large) == ["sites"]
    assert re.findall(r'<div class="canvas" data-view="(\w+)" hidden>', large) == [
        "nodes",
        "groups",
        "matrix",
    ]


def test_a_small_network_is_not_folded() -> None:
    page = html(picture(star()))
    assert re.findall(r'<div class="canvas" data-view="(\w+)"', page) == ["nodes", "matrix"]


def test_what_each_relay_carries_stands_beside_the_picture() -> None:
    page = html(picture(star()))
    assert "3 of 3 bounced pairs (100%)" in page
    assert "When it dies, 3 pairs have no way to each other." in page

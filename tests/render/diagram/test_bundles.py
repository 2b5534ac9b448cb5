"""Bundles: sites with many links between them are one line, and no line crosses a frame."""

from __future__ import annotations

import pytest

from meshc.build.pipeline import plan_file
from meshc.render.diagram.bundles import bundles, obstacles, strength
from meshc.render.diagram.picture import MOST_LINES, Picture, picture
from meshc.render.diagram.placement import layout
from meshc.render.diagram.svg import drawing
from tests.render.diagram.test_edge_routes import densely, drawn, inside
from tests.support.company_network import company_file
from tests.support.plans import star


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Picture:
    return picture(plan_file(company_file(tmp_path_factory.mktemp("company"), 60)))


def test_every_link_is_in_one_bundle_or_inside_of_a_site(whole: Picture) -> None:
    found = bundles(whole, layout(whole))
    inner = sum(whole.nodes[a].site == whole.nodes[b].site != "" for a, b in whole.links)
    assert inner
    assert sum(one.count for one in found) + inner == len(whole.links)
    berlin = sum(node.site == "berlin" for node in whole.nodes)
    titles = [one.title for one in found]
    assert f"relay1 – site berlin: {berlin} direct links" in titles


def test_no_bundle_crosses_a_frame_or_a_box(whole: Picture) -> None:
    place = layout(whole)
    shown = drawing(whole)
    assert not shown.boxes
    for one, edge in zip(bundles(whole, place), shown.edges, strict=True):
        line = densely(one.a, one.b, drawn(edge.path))
        for box in obstacles(whole, place):
            assert box in (one.a, one.b) or not inside(line, box), edge.title


def test_links_inside_of_a_site_are_told_in_its_frame(whole: Picture) -> None:
    labels = {site.name: site.label for site in layout(whole).sites}
    members = sum(node.site == "oslo" for node in whole.nodes)
    count = members * (members - 1) // 2
    assert labels["oslo"] == f"NAT: port restricted, {count} direct links inside"


def test_a_small_picture_has_a_line_for_every_link() -> None:
    small = picture(star())
    assert len(small.links) <= MOST_LINES
    shown = drawing(small)
    assert shown.boxes
    assert [edge.kind for edge in shown.edges].count("direct") == len(small.links)


def test_more_links_are_a_wider_line() -> None:
    widths = [strength(count) for count in (1, 2, 10, 100, 1000, 10**9)]
    assert widths == sorted(widths)
    assert widths[0] < 2 < widths[3] < widths[-1] == 5.0

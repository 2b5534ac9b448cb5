"""A folded picture stands for all of the whole one: no node and no link is lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from meshc.build.pipeline import plan_file
from meshc.render.diagram.edge_routes import MOST_ROUTED
from meshc.render.diagram.folding import MOST_ALONE, Fold, fold
from meshc.render.diagram.picture import NodeKind, Picture, picture
from meshc.render.diagram.svg import drawing
from tests.render.diagram.test_edge_routes import densely, drawn, inside
from tests.support.company_network import company_file
from tests.support.plans import star


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Picture:
    return picture(plan_file(company_file(tmp_path_factory.mktemp("company"), 60)))


@pytest.mark.parametrize("by", Fold)
def test_every_node_is_in_a_box_and_every_link_in_a_line(whole: Picture, by: Fold) -> None:
    folded = fold(whole, by)
    boxes = folded.picture.nodes
    assert sorted(set(folded.of)) == list(range(len(boxes)))
    between = Counter(
        tuple(sorted((folded.of[a], folded.of[b])))
        for a, b in whole.links
        if folded.of[a] != folded.of[b]
    )
    assert between == folded.counts
    assert folded.picture.links == tuple(folded.counts)


def test_a_site_is_one_box_that_says_what_is_inside(whole: Picture) -> None:
    folded = fold(whole, Fold.SITES)
    boxes = {node.name: node for node in folded.picture.nodes}
    assert set(boxes) == {
        *("relay1", "relay2", "relay3"),
        *("berlin", "munich", "paris", "oslo"),
        "others behind NATs",
    }
    berlin = boxes["berlin"]
    members = sum(node.site == "berlin" for node in whole.nodes)
    assert berlin.kind is NodeKind.FOLDED
    assert berlin.addresses == (f"{members} nodes",)
    assert berlin.badges == (
        "NAT: port restricted",
        "LAN 192.168.1.0/24",
        f"{members * (members - 1) // 2} direct links inside",
    )
    assert boxes["relay1"] == whole.nodes[[n.name for n in whole.nodes].index("relay1")]


def test_a_group_is_one_box(whole: Picture) -> None:
    folded = fold(whole, Fold.GROUPS)
    boxes = {node.name: node for node in folded.picture.nodes}
    assert set(boxes) == {
        *("relay1", "relay2", "relay3"),
        *("gateways", "staff", "things", "it", "phones"),
    }
    assert "and 2 more LANs" in boxes["gateways"].badges


def test_who_is_in_two_groups_stands_apart_from_either() -> None:
    plain = picture(star())
    groups = [("a",), ("a",), ("a", "b"), (), ("b",)]
    nodes = tuple(replace(n, groups=g) for n, g in zip(plain.nodes, groups, strict=True))
    folded = fold(replace(plain, nodes=nodes), Fold.GROUPS)
    assert [node.name for node in folded.picture.nodes] == [
        "a",
        "phone",
        "public-server1",
        "public-server2",
    ]


def test_a_few_outside_of_any_site_keep_their_boxes() -> None:
    plain = picture(star())
    alone = replace(plain, nodes=tuple(replace(node, site="") for node in plain.nodes))
    assert MOST_ALONE == 3
    assert fold(alone, Fold.SITES).picture.nodes == alone.nodes


@pytest.mark.parametrize("by", Fold)
def test_no_line_goes_through_a_box(whole: Picture, by: Fold) -> None:
    folded = fold(whole, by)
    shown = drawing(folded.picture, folded.counts)
    assert 0 < len(shown.edges) <= MOST_ROUTED
    for edge in shown.edges:
        a, b = shown.layout.nodes[edge.a], shown.layout.nodes[edge.b]
        line = densely(a, b, drawn(edge.path))
        for box in shown.layout.obstacles():
            assert box in (a, b) or not inside(line, box), edge.title

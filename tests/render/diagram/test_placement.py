"""Nothing overlaps, and everything lies inside the picture."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.render.diagram.picture import NodeKind, Picture, PictureNode
from meshc.render.diagram.placement import Box, layout


@st.composite
def pictures(draw: st.DrawFn) -> Picture:
    sites = {f"site{i}": "symmetric" for i in range(draw(st.integers(0, 4)))}
    count = draw(st.integers(1, 30))
    nodes = tuple(
        PictureNode(
            name="n" * draw(st.integers(1, 30)) + str(i),
            kind=draw(st.sampled_from(NodeKind)),
            site=draw(st.sampled_from(["", *sites])),
            platform="linux",
            addresses=("10.0.0.1", "fd00::1")[: draw(st.integers(1, 2))],
            notes=(),
            badges=("LAN 192.168.1.0/24", "exit", "carries 3 pairs")[: draw(st.integers(0, 3))],
        )
        for i in range(count)
    )
    home = tuple(draw(st.none() | st.integers(0, count - 1)) for _ in nodes)
    return Picture("p", nodes, (), (), sites, home)


def overlap(a: Box, b: Box) -> bool:
    return (
        abs(a.x - b.x) < (a.width + b.width) / 2 - 0.2
        and abs(a.y - b.y) < (a.height + b.height) / 2 - 0.2
    )


@given(pictures())
@settings(max_examples=60, deadline=None)
def test_boxes_do_not_overlap_and_stay_inside(drawn: Picture) -> None:
    place = layout(drawn)
    for i, box in enumerate(place.nodes):
        assert box.x - box.width / 2 >= 0
        assert box.x + box.width / 2 <= place.width
        assert box.y - box.height / 2 >= 0
        assert box.y + box.height / 2 <= place.height
        assert not any(overlap(box, other) for other in place.nodes[:i])


@given(pictures())
@settings(max_examples=20, deadline=None)
def test_members_stand_in_their_site_and_nobody_else_does(drawn: Picture) -> None:
    place = layout(drawn)
    for site in place.sites:
        for node, box in zip(drawn.nodes, place.nodes, strict=True):
            assert overlap(site.box, box) == (node.site == site.name)


@given(pictures())
@settings(max_examples=30, deadline=None)
def test_a_heading_lies_in_its_site_and_on_nobody(drawn: Picture) -> None:
    place = layout(drawn)
    for site in place.sites:
        heading = site.heading()
        assert abs(heading.x - site.box.x) + heading.width / 2 <= site.box.width / 2
        assert abs(heading.y - site.box.y) + heading.height / 2 <= site.box.height / 2
        assert not any(overlap(heading, box) for box in place.nodes)

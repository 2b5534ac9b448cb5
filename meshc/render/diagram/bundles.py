"""Bundles: one line for all direct links between two sites, or a site and a node outside of it.

Where every link is drawn nobody sees any. Those of one node are drawn when somebody points at it.
"""

from __future__ import annotations

from collections import Counter

from meshc.render.diagram.picture import NodeKind, Picture
from meshc.render.diagram.placement import Box, Layout
from meshc.values import dataclass

# Above this many lines only those of relays are drawn.
MOST_BUNDLES = 250


@dataclass(frozen=True, slots=True)
class LinkBundle:
    """`a` and `b` are the frames of two sites, or the boxes of nodes outside of any."""

    a: Box
    b: Box
    count: int
    title: str


def bundles(picture: Picture, place: Layout) -> list[LinkBundle]:
    """In the order of the nodes. Links inside of a site are in no bundle."""
    frames = {site.name: site.box for site in place.sites}
    names, boxes = [], []
    for node, box in zip(picture.nodes, place.nodes, strict=True):
        inside = node.site in frames
        names.append(f"site {node.site}" if inside else node.name)
        boxes.append(frames[node.site] if inside else box)
    counts = Counter(
        (a, b) if a <= b else (b, a) for a, b in ((names[a], names[b]) for a, b in picture.links)
    )
    where = dict(zip(names, boxes, strict=True))
    pairs = [pair for pair in counts if pair[0] != pair[1]]
    if len(pairs) > MOST_BUNDLES:
        relays = {node.name for node in picture.nodes if node.kind is NodeKind.RELAY}
        pairs = [pair for pair in pairs if not relays.isdisjoint(pair)]
    return [
        LinkBundle(where[a], where[b], counts[a, b], f"{a} – {b}: {told(counts[a, b])}")
        for a, b in pairs
    ]


def obstacles(picture: Picture, place: Layout) -> tuple[Box, ...]:
    """What no bundle may cross: frames as a whole, and the boxes of nodes outside of them."""
    sites = {site.name for site in place.sites}
    outside = (
        box for node, box in zip(picture.nodes, place.nodes, strict=True) if node.site not in sites
    )
    return (*(site.box for site in place.sites), *outside)


def told(count: int) -> str:
    """The number of links of a line, in words."""
    return "1 direct link" if count == 1 else f"{count:,} direct links"


def strength(count: int) -> float:
    """How wide its line is drawn: a hundred links look like more than ten, and not ten times as
    many."""
    return round(min(1.2 + count.bit_length() * 0.45, 5.0), 2)

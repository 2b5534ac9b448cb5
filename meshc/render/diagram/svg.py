"""The picture as SVG: one file, readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshc.render.diagram.bundles import bundles, obstacles, strength, told
from meshc.render.diagram.edge_routes import MOST_ROUTED, control_point
from meshc.render.diagram.mermaid import MOST_BOUNCED
from meshc.render.diagram.picture import NodeKind, Picture, PictureNode
from meshc.render.diagram.placement import Box, Layout, layout
from meshc.render.templates import environment
from meshc.values import dataclass

WORDS = {
    NodeKind.RELAY: "relay",
    NodeKind.PUBLIC: "public",
    NodeKind.HIDDEN: "behind a NAT",
    NodeKind.FOREIGN: "not managed",
    NodeKind.FOLDED: "several nodes",
}


@dataclass(frozen=True, slots=True)
class Edge:
    """A line between two nodes, or between two sites, which then have no numbers; `path` is SVG
    path data, `width` 0 what its kind has."""

    a: int
    b: int
    kind: str
    path: str
    title: str
    width: float = 0.0


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture with places and lines: what the templates show. `boxes` is false where lines lead
    to the frames of sites."""

    picture: Picture
    layout: Layout
    edges: tuple[Edge, ...]
    boxes: bool = True

    @property
    def rows(self) -> list[tuple[PictureNode, Box]]:
        return list(zip(self.picture.nodes, self.layout.nodes, strict=True))


def svg(picture: Picture) -> str:
    """A whole document. Every text of the topology is escaped by the template."""
    template = environment(markup=True).get_template("diagram.svg.j2")
    return template.render(drawing=drawing(picture), words=WORDS, view="nodes", standalone=True)


def drawing(picture: Picture, counts: Mapping[tuple[int, int], int] | None = None) -> Drawing:
    """`counts` says how many links each line of a folded picture stands for."""
    place = layout(picture)
    if counts is not None:
        return Drawing(picture, place, tuple(_counted(picture, place, counts)))
    if picture.many:
        return Drawing(picture, place, tuple(_bundled(picture, place)), boxes=False)
    bounced = len(picture.bounced) <= MOST_BOUNCED
    return Drawing(picture, place, tuple(edges(picture, place, bounced=bounced)))


def edges(picture: Picture, place: Layout, *, bounced: bool) -> list[Edge]:
    """Bounced pairs first, so that direct links are drawn over them."""
    found = []
    around = place.obstacles()
    if bounced:
        waiting = {pair for pair in picture.links if _waits(picture, *pair)}
        for a, b in (pair for pair in picture.bounced if pair not in waiting):
            via = [picture.nodes[i].name for i in picture.paths[a][b] or ()]
            title = f"{picture.nodes[a].name} – {picture.nodes[b].name} via {', '.join(via)}"
            path = _line(place.nodes[a], place.nodes[b], around, _outwards(place, a, b))
            found.append(Edge(a, b, "bounced", path, title))
    for a, b in picture.links:
        waits = _waits(picture, a, b)
        names = f"{picture.nodes[a].name} – {picture.nodes[b].name}"
        title = f"{names}: {'for when its relay dies' if waits else 'direct'}"
        path = _line(place.nodes[a], place.nodes[b], around)
        found.append(Edge(a, b, "standby" if waits else "direct", path, title))
    return found


def _waits(picture: Picture, a: int, b: int) -> bool:
    """Whether a link carries nothing until a relay dies."""
    return bool(picture.standby) and (b in picture.standby[a] or a in picture.standby[b])


def _counted(picture: Picture, place: Layout, counts: Mapping[tuple[int, int], int]) -> list[Edge]:
    around = place.obstacles() if len(counts) <= MOST_ROUTED else ()
    names = [node.name for node in picture.nodes]
    return [
        Edge(
            a,
            b,
            "direct",
            _line(place.nodes[a], place.nodes[b], around),
            f"{names[a]} – {names[b]}: {told(count)}",
            strength(count),
        )
        for (a, b), count in counts.items()
    ]


def _bundled(picture: Picture, place: Layout) -> list[Edge]:
    found = bundles(picture, place)
    around = obstacles(picture, place) if len(found) <= MOST_ROUTED else ()
    return [
        Edge(-1, -1, "direct", _line(one.a, one.b, around), one.title, strength(one.count))
        for one in found
    ]


def _line(one: Box, two: Box, obstacles: Sequence[Box], bend: float = 0.0) -> str:
    control = control_point(one, two, obstacles, first=bend)
    start, end = f"M{one.x:.1f} {one.y:.1f}", f"{two.x:.1f} {two.y:.1f}"
    return (
        f"{start}L{end}" if control is None else f"{start}Q{control[0]:.1f} {control[1]:.1f} {end}"
    )


def _outwards(place: Layout, a: int, b: int) -> float:
    """The bend away from the centre of the picture, so that a line does not hide a direct one."""
    one, two = place.nodes[a], place.nodes[b]
    mx, my = (one.x + two.x) / 2 - place.width / 2, (one.y + two.y) / 2 - place.height / 2
    return 0.22 if (two.x - one.x) * my - (two.y - one.y) * mx >= 0 else -0.22

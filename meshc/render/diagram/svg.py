"""The picture as SVG: one file, readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence

from meshc.render.diagram.edge_routes import MOST_ROUTED, control_point
from meshc.render.diagram.mermaid import MOST_BOUNCED
from meshc.render.diagram.picture import NodeKind, Picture
from meshc.render.diagram.placement import Box, Layout, layout
from meshc.render.templates import environment
from meshc.values import dataclass


@dataclass(frozen=True, slots=True)
class Edge:
    """A line between two nodes; `path` is SVG path data."""

    a: int
    b: int
    kind: str
    path: str
    title: str


def svg(picture: Picture) -> str:
    """A whole document. Every text of the topology is escaped by the template."""
    return draw("diagram.svg.j2", picture, standalone=True)


def draw(template: str, picture: Picture, **more: object) -> str:
    """Fills in a template that shows the picture; `more` is what only that template wants."""
    place = layout(picture)
    return (
        environment(markup=True)
        .get_template(template)
        .render(
            picture=picture,
            layout=place,
            edges=edges(picture, place, bounced=len(picture.bounced) <= MOST_BOUNCED),
            rows=list(zip(picture.nodes, place.nodes, strict=True)),
            words=WORDS,
            **more,
        )
    )


WORDS = {
    NodeKind.RELAY: "relay",
    NodeKind.PUBLIC: "public",
    NodeKind.HIDDEN: "behind a NAT",
    NodeKind.FOREIGN: "not managed",
}


def edges(picture: Picture, place: Layout, *, bounced: bool) -> list[Edge]:
    """Bounced pairs first, so that direct links are drawn over them."""
    found = []
    many = len(picture.links) + bounced * len(picture.bounced) > MOST_ROUTED
    obstacles = () if many else place.obstacles()
    if bounced:
        for a, b in picture.bounced:
            via = [picture.nodes[i].name for i in picture.paths[a][b] or ()]
            title = f"{picture.nodes[a].name} – {picture.nodes[b].name} via {', '.join(via)}"
            found.append(
                Edge(a, b, "bounced", _line(place, a, b, obstacles, _outwards(place, a, b)), title)
            )
    for a, b in picture.links:
        title = f"{picture.nodes[a].name} – {picture.nodes[b].name}: direct"
        found.append(Edge(a, b, "direct", _line(place, a, b, obstacles), title))
    return found


def _line(place: Layout, a: int, b: int, obstacles: Sequence[Box], bend: float = 0.0) -> str:
    one, two = place.nodes[a], place.nodes[b]
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

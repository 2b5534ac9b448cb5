"""Where things stand in a picture: relays in the middle, sites around them.

A force-directed layout would look different after every change; this one depends only on names,
kinds and sites, so that a new node moves its neighbours and nothing else jumps.
"""

from __future__ import annotations

import math

from meshc.render.diagram.picture import NodeKind, Picture, PictureNode
from meshc.values import dataclass

# Sizes in SVG user units. A node's box is as wide as its longest text line, and LINE_HEIGHT higher
# for every badge.
CHARACTER = 7.6
NODE_HEIGHT = 50.0
LINE_HEIGHT = 13.0
GAP = 16.0
SITE_PAD = 16.0
SITE_HEAD = 22.0
RING_GAP = 70.0
MARGIN = 26.0


_Size = tuple[float, float]  # width and height


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle by its centre and size."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class SiteBox:
    """`below`: its heading stands under its members, away from where their lines come from.
    `label` says about the site what its name does not."""

    name: str
    label: str
    box: Box
    below: bool = False

    def heading(self) -> Box:
        """The room of its label, at the left."""
        width = _heading_width(self.name, self.label)
        left, away = self.box.x - self.box.width / 2, self.box.height / 2 - 18
        return Box(left + 12 + width / 2, self.box.y + (away if self.below else -away), width, 18)


@dataclass(frozen=True, slots=True)
class Layout:
    """`nodes[i]` is the box of node i; all boxes lie inside `width` by `height` from (0, 0)."""

    width: float
    height: float
    nodes: tuple[Box, ...]
    sites: tuple[SiteBox, ...]

    def obstacles(self) -> tuple[Box, ...]:
        """What no line may cross: the boxes of the nodes, by index, then the sites' headings."""
        return (*self.nodes, *(site.heading() for site in self.sites))


@dataclass(slots=True)
class _Block:
    """A site, or one node outside of any: it moves as a whole. Offsets are from its centre."""

    site: str
    members: list[int]
    width: float
    height: float
    offsets: list[tuple[float, float]]
    x: float = 0.0
    y: float = 0.0


def layout(picture: Picture) -> Layout:
    """Places every node; no two boxes overlap."""
    sizes = [(_width(node), _height(node)) for node in picture.nodes]
    core = [
        i for i, node in enumerate(picture.nodes) if node.kind is NodeKind.RELAY and not node.site
    ]
    outer = _blocks(picture, sizes, set(core))
    radius = _place_core(core, blocks := [_single(i, sizes[i]) for i in core])
    _place_ring(outer, radius)
    return _finish(picture, sizes, blocks + outer)


def _width(node: PictureNode) -> float:
    small = (*node.addresses, *node.badges)
    longest = max([len(node.name), *(len(line) * 0.86 for line in small)])
    return max(84.0, longest * CHARACTER + 26)


def _height(node: PictureNode) -> float:
    return NODE_HEIGHT + LINE_HEIGHT * len(node.badges)


def _label(picture: Picture, site: str) -> str:
    """Links inside of a site are told where not every one of them is drawn."""
    label = f"NAT: {picture.sites[site].replace('_', ' ')}"
    nodes = picture.nodes
    inside = picture.many and sum(nodes[a].site == site == nodes[b].site for a, b in picture.links)
    return (
        f"{label}, {inside:,} direct link{'' if inside == 1 else 's'} inside" if inside else label
    )


def _heading_width(name: str, label: str) -> float:
    return (len(name) + 1 + len(label)) * CHARACTER


def _single(index: int, size: _Size) -> _Block:
    return _Block("", [index], *size, [(0.0, 0.0)])


def _blocks(picture: Picture, sizes: list[_Size], core: set[int]) -> list[_Block]:
    """One block a site and one for each node without a site, ordered by home relay."""
    blocks: list[_Block] = []
    for site in picture.sites:
        members = [i for i, n in enumerate(picture.nodes) if n.site == site]
        if members:
            heading = _heading_width(site, _label(picture, site)) + 2 * SITE_PAD
            blocks.append(_grid(site, members, [sizes[i] for i in members], heading))
    blocks += [
        _single(i, sizes[i])
        for i, n in enumerate(picture.nodes)
        if i not in core and (not n.site or n.site not in picture.sites)
    ]

    def key(block: _Block) -> tuple[int, int, str]:
        first = block.members[0]
        home = picture.home[first]
        public = picture.nodes[first].kind in (NodeKind.PUBLIC, NodeKind.RELAY, NodeKind.FOREIGN)
        return (-1 if home is None else home, 0 if public else 1, picture.nodes[first].name)

    return sorted(blocks, key=key)


def _grid(site: str, members: list[int], sizes: list[_Size], heading: float) -> _Block:
    columns = max(1, round(math.sqrt(len(members) * 0.7)))
    rows = math.ceil(len(members) / columns)
    cell, high = (max(side) for side in zip(*sizes, strict=True))
    width = columns * cell + (columns - 1) * GAP + 2 * SITE_PAD
    height = rows * high + (rows - 1) * GAP + 2 * SITE_PAD + SITE_HEAD
    offsets = [
        (
            SITE_PAD + (k % columns) * (cell + GAP) + cell / 2 - width / 2,
            SITE_HEAD + SITE_PAD + (k // columns) * (high + GAP) + high / 2 - height / 2,
        )
        for k in range(len(members))
    ]
    return _Block(site, members, max(width, heading), height, offsets)


def _place_core(core: list[int], blocks: list[_Block]) -> float:
    """Relays on a small circle (one alone in the centre); returns the circle's outer radius."""
    if not core:
        return 0.0
    size = max(math.hypot(b.width, b.height) for b in blocks)
    radius = 0.0 if len(core) == 1 else (size + RING_GAP / 2) / (2 * math.sin(math.pi / len(core)))
    for k, block in enumerate(blocks):
        # from the left: two relays stand side by side, and lines from above pass between them
        angle = math.pi + 2 * math.pi * k / len(blocks)
        block.x, block.y = radius * math.cos(angle), radius * math.sin(angle)
    return radius + size / 2


def _place_ring(blocks: list[_Block], inner: float) -> None:
    """Blocks around the core on an ellipse, each with the share of the angle that it needs."""
    if not blocks:
        return
    sizes = [math.hypot(b.width, b.height) for b in blocks]
    need = sum(size + GAP for size in sizes) / (2 * math.pi)
    radius = max(need, inner + RING_GAP + max(sizes) / 2)
    if inner == 0.0:
        radius = need if len(blocks) > 1 else 0.0
    # neighbours touch at worst: each takes the angle of its own diagonal
    total = sum(size + GAP for size in sizes)
    angle = math.pi - 2 * math.pi * (sizes[0] + GAP) / total / 2
    for block, size in zip(blocks, sizes, strict=True):
        share = 2 * math.pi * (size + GAP) / total
        middle = angle + share / 2
        # diagonals overstate flat boxes, hence the squeeze in height
        block.x, block.y = radius * 1.12 * math.cos(middle), radius * 0.82 * math.sin(middle)
        angle += share
    _separate(blocks)


def _separate(blocks: list[_Block]) -> None:
    """Moves the ring outwards until nothing overlaps; ends because distances grow each round."""
    for _ in range(200):
        if not any(_overlap(a, b) for i, a in enumerate(blocks) for b in blocks[:i]):
            return
        for block in blocks:
            block.x, block.y = block.x * 1.05, block.y * 1.05


def _overlap(a: _Block, b: _Block) -> bool:
    return (
        abs(a.x - b.x) < (a.width + b.width) / 2 + GAP
        and abs(a.y - b.y) < (a.height + b.height) / 2 + GAP
    )


def _finish(picture: Picture, sizes: list[_Size], blocks: list[_Block]) -> Layout:
    """Shifts everything to positive coordinates and makes the boxes."""
    left = min((b.x - b.width / 2 for b in blocks), default=0.0) - MARGIN
    top = min((b.y - b.height / 2 for b in blocks), default=0.0) - MARGIN
    right = max((b.x + b.width / 2 for b in blocks), default=0.0) + MARGIN
    bottom = max((b.y + b.height / 2 for b in blocks), default=0.0) + MARGIN
    nodes: list[Box] = [Box(0, 0, 0, 0)] * len(picture.nodes)
    sites: list[SiteBox] = []
    for block in blocks:
        x, y = block.x - left, block.y - top
        if block.site:
            box = Box(x, y, block.width, block.height)
            label = _label(picture, block.site)
            sites.append(SiteBox(block.site, label, box, below=block.y > 0))
        lift = SITE_HEAD if block.site and block.y > 0 else 0.0
        for member, (dx, dy) in zip(block.members, block.offsets, strict=True):
            nodes[member] = Box(round(x + dx, 1), round(y + dy - lift, 1), *sizes[member])
    return Layout(round(right - left, 1), round(bottom - top, 1), tuple(nodes), tuple(sites))

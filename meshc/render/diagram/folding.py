"""A folded picture: each site, or each group, as one box.

Sixty nodes are a tangle, three hundred are dust; ten sites and three relays are a picture. What a
box stands for is told beside it. Relays are never folded: how much each carries is what the
picture is looked at for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import Enum

from meshc.render.diagram.picture import NodeKind, Picture, PictureNode
from meshc.values import dataclass

# Nodes in no site (in no group) of one kind stand by themselves up to this number.
MOST_ALONE = 3
_LANS = 2  # named in a box, before it says that there are more
_ALONE = {
    NodeKind.PUBLIC: "other public nodes",
    NodeKind.HIDDEN: "others behind NATs",
    NodeKind.FOREIGN: "others, not managed",
}


class Fold(Enum):
    """What becomes one box."""

    SITES = "sites"
    GROUPS = "groups"


@dataclass(frozen=True, slots=True)
class Folded:
    """`of[i]` is the box of node i in `picture`, whose paths are empty; `counts` says how many
    direct links a line stands for."""

    picture: Picture
    of: tuple[int, ...]
    counts: Mapping[tuple[int, int], int]


def fold(picture: Picture, by: Fold) -> Folded:
    """The smaller picture. A box of one node is that node."""
    boxes = _boxes(picture, by)
    of = [0] * len(picture.nodes)
    for number, (_, members) in enumerate(boxes):
        for i in members:
            of[i] = number
    links = Counter((min(of[a], of[b]), max(of[a], of[b])) for a, b in picture.links)
    shown = [
        picture.nodes[members[0]]
        if len(members) == 1
        else _folded(picture, by, name, members, links[number, number])
        for number, (name, members) in enumerate(boxes)
    ]
    alone = {node.site for node in shown if node.kind is not NodeKind.FOLDED}
    counts = {pair: count for pair, count in sorted(links.items()) if pair[0] != pair[1]}
    small = Picture(
        title=picture.title,
        nodes=tuple(shown),
        links=tuple(counts),
        paths=(),
        sites={site: nat for site, nat in picture.sites.items() if site in alone},
        home=tuple(_home(picture, of, members) for _, members in boxes),
    )
    return Folded(small, tuple(of), counts)


def _boxes(picture: Picture, by: Fold) -> list[tuple[str, list[int]]]:
    """Names and members, in the order of their first members."""
    kept: dict[tuple[str, str], list[int]] = {}
    for i, node in enumerate(picture.nodes):
        name = _belongs(node, by)
        if node.kind is NodeKind.RELAY:
            key = ("node", node.name)
        else:
            key = ("box", name) if name else ("kind", _ALONE.get(node.kind, node.kind.value))
        kept.setdefault(key, []).append(i)
    found: list[tuple[str, list[int]]] = []
    for (what, name), members in kept.items():
        if what == "kind" and len(members) <= MOST_ALONE:
            found += [(picture.nodes[i].name, [i]) for i in members]
        else:
            found.append((name, members))
    return sorted(found, key=lambda box: box[1][0])


def _belongs(node: PictureNode, by: Fold) -> str:
    """A node of several groups stands with those that are in the same ones."""
    return node.site if by is Fold.SITES else " + ".join(sorted(node.groups))


def _folded(
    picture: Picture, by: Fold, name: str, members: Sequence[int], inside: int
) -> PictureNode:
    nodes = [picture.nodes[i] for i in members]
    badges = []
    if by is Fold.SITES and name in picture.sites:
        badges.append(f"NAT: {picture.sites[name].replace('_', ' ')}")
    lans = [badge for node in nodes for badge in node.badges if badge.startswith("LAN ")]
    badges += lans[:_LANS] + ([f"and {len(lans) - _LANS} more LANs"] if len(lans) > _LANS else [])
    exits = sum("exit" in node.badges for node in nodes)
    if exits:
        badges.append("exit" if exits == 1 else f"{exits} exits")
    if inside:
        badges.append(f"{inside:,} direct link{'' if inside == 1 else 's'} inside")
    return PictureNode(
        name=name,
        kind=NodeKind.FOLDED,
        site="",
        platform="",
        addresses=(f"{len(nodes)} nodes",),
        notes=tuple(badges),
        badges=tuple(badges),
    )


def _home(picture: Picture, of: Sequence[int], members: Sequence[int]) -> int | None:
    """Where most of them live."""
    homes = Counter(home for i in members if (home := picture.home[i]) is not None)
    if not homes:
        return None
    return of[min(homes, key=lambda home: (-homes[home], home))]

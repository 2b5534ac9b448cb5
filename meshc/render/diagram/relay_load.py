"""Relay load: what each relay carries, and what becomes of its nodes when it dies."""

from __future__ import annotations

from collections import Counter

from meshc.render.diagram.picture import NodeKind, Picture
from meshc.values import dataclass


@dataclass(frozen=True, slots=True)
class RelayLoad:
    """`share` is the part of all bounced pairs that it carries, 0 to 1; `fate` is a sentence."""

    node: int
    name: str
    carried: int
    share: float
    fate: str


def relay_loads(picture: Picture) -> tuple[RelayLoad, ...]:
    """Every relay, the one that carries most first."""
    bounced = len(picture.bounced)
    return tuple(
        sorted(
            (
                RelayLoad(
                    i, node.name, node.carried, node.carried / max(bounced, 1), _fate(picture, i)
                )
                for i, node in enumerate(picture.nodes)
                if node.kind is NodeKind.RELAY
            ),
            key=lambda load: (-load.carried, load.name),
        )
    )


def _fate(picture: Picture, relay: int) -> str:
    """When this relay dies."""
    at_home = [i for i, home in enumerate(picture.home) if home == relay]
    first = Counter(picture.standby[i][0] for i in at_home if _moves(picture, i))
    stay = sum(not _moves(picture, i) for i in at_home)
    moved = [
        f"{_nodes(count)} to {picture.nodes[other].name}" for other, count in sorted(first.items())
    ]
    if moved:
        waits = "waits" if stay == 1 else "wait"
        more = f"; {_nodes(stay)} without another relay {waits} for it" if stay else ""
        return f"When it dies, agents move {', '.join(moved)}{more}."
    carried = picture.nodes[relay].carried
    if carried:
        pairs = "1 pair has" if carried == 1 else f"{carried:,} pairs have"
        return f"When it dies, {pairs} no way to each other."
    return "Nobody's way goes through it."


def _moves(picture: Picture, i: int) -> bool:
    return bool(picture.standby) and bool(picture.standby[i])


def _nodes(count: int) -> str:
    return "1 node" if count == 1 else f"{count:,} nodes"

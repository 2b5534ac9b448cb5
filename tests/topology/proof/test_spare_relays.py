"""Spare relays by words of bits say what a search from relay to relay says."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from meshc.topology.proof.spare_relays import SpareRelays


def plane(nodes: int, relays: int, links: set[tuple[int, int]]) -> Any:
    """Nodes of which the first ones are relays, and sessions that stand both ways."""
    both = sorted({*links, *((b, a) for a, b in links)})
    place = {pair: n for n, pair in enumerate(both)}
    return SimpleNamespace(
        models=[SimpleNamespace(facts=SimpleNamespace(relay=n < relays)) for n in range(nodes)],
        sessions=SimpleNamespace(
            frm=np.array([a for a, _ in both], np.int32),
            to=np.array([b for _, b in both], np.int32),
            fault=np.zeros(len(both), np.int32),
            back=np.array([place[b, a] for a, b in both], np.int64),
        ),
    )


def meets(start: int, end: int, relays: int, links: set[tuple[int, int]], dead: int) -> bool:
    """Whether a way over living relays leads from one to the other."""
    near = {*links, *((b, a) for a, b in links), *((n, n) for n in range(relays))}
    seen = {r for r in range(relays) if r != dead and (start, r) in near}
    while more := {r for r in range(relays) if r != dead and any((s, r) in near for s in seen)}:
        if more <= seen:
            break
        seen |= more
    return any((end, r) in near for r in seen)


@pytest.mark.parametrize(("nodes", "relays"), [(9, 4), (30, 9), (80, 70)])
def test_against_a_search(nodes: int, relays: int) -> None:
    dice = random.Random(nodes)
    links = {tuple(sorted(dice.sample(range(nodes), 2))) for _ in range(nodes)}
    spare = SpareRelays(plane(nodes, relays, links))  # type: ignore[arg-type]
    for dead in dice.sample(range(relays), 3):
        pairs = [(a, b) for a in range(nodes) for b in range(nodes) if dead not in (a, b)]
        pairs = dice.sample(pairs, 60)
        source, target = (np.array(column, np.int32) for column in zip(*pairs, strict=True))
        wanted = [meets(a, b, relays, links, dead) for a, b in pairs]  # type: ignore[arg-type]
        assert spare.reconnects(dead, source, target).tolist() == wanted

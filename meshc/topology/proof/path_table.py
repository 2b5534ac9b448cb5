"""The paths of all pairs at once, for networks whose matrix a person can read.

Every pair takes a step in each round, so that the arrays, and not the pairs, are what costs.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from meshc.topology.proof.fib import Fib
from meshc.topology.proof.peer_table import Bools
from meshc.topology.proof.reachability_matrix import NOT_JUDGED, ReachabilityMatrix
from meshc.topology.proof.verdict import Path

Paths = dict[tuple[str, str], Path]


def path_table(names: tuple[str, ...], families: Iterable[tuple[ReachabilityMatrix, Fib]]) -> Paths:
    """The longer of the families' paths for every ordered pair, ends included: empty where it is
    lost in one of them."""
    count = len(names)
    lost, known = np.zeros((count, count), bool), np.zeros((count, count), bool)
    longest: dict[tuple[int, int], list[int]] = {}
    for matrix, fib in families:
        hops = _hops(matrix, count)
        lost |= (hops == 0) | (hops == NOT_JUDGED)
        known |= hops > 0
        for pair, path in _walked(hops, fib).items():
            if len(path) > len(longest.get(pair, ())):
                longest[pair] = path
    there: Bools = known & ~lost
    return {
        (names[a], names[b]): tuple(names[n] for n in longest[a, b]) if there[a, b] else ()
        for a in range(count)
        for b in range(count)
        if a != b
    }


def _hops(matrix: ReachabilityMatrix, count: int) -> NDArray[np.int8]:
    """`hops_of` for every pair."""
    hops = np.full((count, count), -1, np.int8)
    addressed = np.flatnonzero(matrix.classes.of >= 0).astype(np.int32)
    hops[np.ix_(addressed, addressed)] = matrix.hops_between(addressed, addressed)
    return hops


def _walked(hops: NDArray[np.int8], fib: Fib) -> dict[tuple[int, int], list[int]]:
    source, target = (ends.astype(np.int32) for ends in np.nonzero(hops > 0))
    left = hops[source, target]
    here = source.copy()
    paths = [[node] for node in source.tolist()]
    while len(moving := np.flatnonzero(left > 0)):
        here[moving] = fib.next_hop(here[moving], fib.home[target[moving]])
        left[moving] -= 1
        for pair, node in zip(moving.tolist(), here[moving].tolist(), strict=True):
            paths[pair].append(node)
    return dict(zip(zip(source.tolist(), target.tolist(), strict=True), paths, strict=True))

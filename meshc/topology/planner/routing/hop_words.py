"""Hop words: the cost of every way as machine words, for networks of a thousand classes.

`Routing` adds and compares one long integer for each pair of classes. With thousands of classes
each of their own that is most of a plan. Here the parts of that integer are put into three words,
of all targets at once: the first has hops, penalty, share and rank, the others the hash.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meshc.topology.planner.routing.routing import (
    PENALTY_SHIFT,
    RANK_SHIFT,
    SHARE_SHIFT,
    Routing,
)

Longs = NDArray[np.int64]

_HASH_BITS = 44  # of each of the two words of the hash
_WIDTHS = (9, 14, 8, 30)  # hops, penalty, share, rank in the first word
_NEVER = 1 << 62
_Parts = tuple[int, int, int, int, int]


class HopWords:
    """The costs from every relay to every class."""

    def __init__(self, routing: Routing) -> None:
        self._routing = routing
        self._row = {relay: row for row, relay in enumerate(routing.backbone)}
        trees = [routing.class_tree(target) for target in range(len(routing.members))]
        words = np.zeros((3, len(self._row), len(trees)), np.int64)
        most = [0, 0, 0, 0]
        for relay, row in self._row.items():
            parts = [
                _parts(tree.hops[relay], tree.weight[relay]) if relay in tree.hops else None
                for tree in trees
            ]
            known = [part[:4] for part in parts if part is not None]
            most = [max(column) for column in zip(most, *known, strict=True)]
            words[:, row] = np.array([*map(_words, parts)], np.int64).reshape(-1, 3).T
        self._words = words
        links = (_parts(0, weight)[:4] for one in routing.attachments for _, weight in one)
        more = [max(column) for column in zip((0, 0, 0, 0), *links, strict=True)]
        both = zip(most, more, _WIDTHS, strict=True)
        self.fits = all(one + other < 1 << width for one, other, width in both)

    def first(self, source: int) -> NDArray[np.intp]:
        """For each class the place in `attachments[source]` of the relay to which leaves of a class
        hand its packets; -1 where there is no path. As `Routing.class_to_class`, if `fits`."""
        links = self._routing.attachments[source]
        place = np.full(self._words.shape[2], -1, np.intp)
        best: Longs | None = None
        # of equals the one with the lowest number wins, which comes first
        for at in sorted(range(len(links)), key=lambda at: links[at][0]):
            relay, weight = links[at]
            sums = self._words[:, self._row[relay]] + _words(_parts(0, weight))[:, None]
            sums[1] += sums[2] >> _HASH_BITS
            sums[2] &= (1 << _HASH_BITS) - 1
            there = sums[0] < _NEVER
            if best is None:
                best, better = sums, there
            else:
                better = sums[0] < best[0]
                if len(ties := np.flatnonzero(sums[0] == best[0])):
                    better[ties] = _less(sums[1:, ties], best[1:, ties])
                better &= there
                np.copyto(best, sums, where=better)
            place[better] = at
        return place


def _less(one: Longs, other: Longs) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (one[0] < other[0]) | ((one[0] == other[0]) & (one[1] < other[1]))
    return found


def _parts(hops: int, weight: int) -> _Parts:
    """Hops, penalty, share, rank and hash."""
    high = weight >> RANK_SHIFT
    share, rank = SHARE_SHIFT - RANK_SHIFT, PENALTY_SHIFT - RANK_SHIFT
    return (
        hops,
        high >> rank,
        high >> share & ((1 << rank - share) - 1),
        high & ((1 << share) - 1),
        weight & ((1 << RANK_SHIFT) - 1),
    )


def _words(parts: _Parts | None) -> Longs:
    if parts is None:
        return np.array([_NEVER, 0, 0], np.int64)
    first = 0
    for part, width in zip(parts, _WIDTHS, strict=False):
        first = first << width | part
    return np.array([first, parts[4] >> _HASH_BITS, parts[4] & ((1 << _HASH_BITS) - 1)], np.int64)

"""The spans of sets of AllowedIPs: which atoms each entry covers, for many sets at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from meshc.prefixes import Prefix
from meshc.topology.proof.peer_table import Ints

_NARROW = 64


class AllowedSpans:
    """The atoms of each set of AllowedIPs, for many sets at once."""

    def __init__(self, atoms: Callable[[Prefix], range], sets: list[list[Prefix]]) -> None:
        flat = [p for s in sets for p in s]
        span = {p: (r.start, r.stop) for p in dict.fromkeys(flat) for r in (atoms(p),)}
        both = np.array([span[p] for p in flat], np.int32).reshape(-1, 2)
        self.lo, self.hi = both[:, 0], both[:, 1]
        self.length = np.array([p.length for p in flat], np.int32)
        self.count = np.array([len(s) for s in sets], np.int64)
        self.begin = np.concatenate([[0], np.cumsum(self.count)]).astype(np.int64)
        # every set is one prefix, all of one length: nothing to sort
        self.plain = bool((self.count == 1).all() and (self.length == self.length[:1]).all())

    def entries(self, numbers: Ints, to: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """(lo, hi, length, node) of every entry, shortest prefix first, else as in the file."""
        if self.plain:
            return self.lo[numbers], self.hi[numbers], self.length[numbers], to
        count = self.count[numbers]
        total = int(count.sum())
        ends = np.cumsum(count)
        at = (
            np.arange(total)
            - np.repeat(ends - count, count)
            + np.repeat(self.begin[numbers], count)
        )
        order = np.argsort(self.length[at], kind="stable")
        at = at[order]
        return self.lo[at], self.hi[at], self.length[at], np.repeat(to, count)[order]


def paint(row: Ints, lo: Ints, hi: Ints, value: Ints) -> None:
    """Writes values over spans in order; runs of narrow ones are written at once."""
    size = hi - lo
    at = 0
    for w in np.flatnonzero(size > _NARROW).tolist():
        _scatter(row, lo[at:w], size[at:w], value[at:w])
        row[lo[w] : hi[w]] = value[w]
        at = w + 1
    _scatter(row, lo[at:], size[at:], value[at:])


def _scatter(row: Ints, lo: Ints, size: Ints, value: Ints) -> None:
    """Of two values for one atom the last one stays, as numpy promises."""
    if bool((size == 1).all()):
        row[lo] = value
        return
    ends = np.cumsum(size)
    at = np.arange(int(ends[-1])) + np.repeat(lo - (ends - size), size)
    row[at] = np.repeat(value, size)

"""The spans of sets of AllowedIPs: which atoms each entry covers, for many sets at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from meshc.prefixes import Prefix
from meshc.topology.proof.entry_columns import EntryColumns
from meshc.topology.proof.peer_table import Ints

Lengths = NDArray[np.uint8]

_NARROW = 64


class AllowedSpans:
    """The atoms of each set of AllowedIPs, for many sets at once."""

    def __init__(
        self, atoms: Callable[[Prefix], range], entries: EntryColumns, family: int
    ) -> None:
        mine = entries.chosen(lambda prefix: prefix.family == family)
        spans = [atoms(p) if p.family == family else range(0) for p in entries.prefixes]
        both = np.array([(r.start, r.stop) for r in spans], np.int32).reshape(-1, 2)
        # as bytes, which numpy sorts in one pass
        length = np.array([p.length for p in entries.prefixes], np.uint8)
        self.lo, self.hi = both[mine.number, 0], both[mine.number, 1]
        self.length = length[mine.number]
        self.begin = mine.begin
        self.count = np.diff(self.begin)
        # every set is one prefix, all of one length: nothing to sort
        self.plain = bool((self.count == 1).all() and (self.length == self.length[:1]).all())

    def entries(self, numbers: Ints, to: Ints) -> tuple[Ints, Ints, Lengths, Ints]:
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


def paint(row: Ints, lo: Ints, hi: Ints, value: Ints | Lengths) -> None:
    """Writes values over spans in order; runs of narrow ones are written at once."""
    size = hi - lo
    at = 0
    for w in np.flatnonzero(size > _NARROW).tolist():
        _scatter(row, lo[at:w], size[at:w], value[at:w])
        row[lo[w] : hi[w]] = value[w]
        at = w + 1
    _scatter(row, lo[at:], size[at:], value[at:])


def _scatter(row: Ints, lo: Ints, size: Ints, value: Ints | Lengths) -> None:
    """Of two values for one atom the last one stays, as numpy promises."""
    if bool((size == 1).all()):
        row[lo] = value
        return
    ends = np.cumsum(size)
    at = np.arange(int(ends[-1])) + np.repeat(lo - (ends - size), size)
    row[at] = np.repeat(value, size)

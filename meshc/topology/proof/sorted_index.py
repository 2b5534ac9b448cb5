"""The index of a sorted column: where whole numbers stand in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Longs = NDArray[np.int64]

# A table of all possible numbers is a hundred times faster than bisection and sorting, and is
# made unless it would be so much larger than the column.
_ROOM = 4


class SortedIndex:
    """Finds numbers in a sorted column that has each once; all are in `range(size)`."""

    def __init__(self, column: Longs, size: int) -> None:
        self._column = column
        self._table: Longs | None = None
        if size <= _ROOM * len(column):
            self._table = np.full(size, -1, np.int64)
            self._table[column] = np.arange(len(column))

    def find(self, wanted: Longs) -> Longs:
        """The place of each; -1 for those that are not there."""
        if self._table is not None:
            return self._table[wanted]
        found = np.searchsorted(self._column, wanted)
        found[found == len(self._column)] = 0
        if len(self._column):
            found[self._column[found] != wanted] = -1
        else:
            found[:] = -1
        return found


def kinds(column: Longs, size: int) -> tuple[Longs, Longs]:
    """(place of one of each different number, in the order of the numbers; for every number
    which of those it is). All are in `range(size)`."""
    if size > _ROOM * len(column):
        _, first, inverse = np.unique(column, return_index=True, return_inverse=True)
        return first, inverse.reshape(-1)
    place = np.full(size, -1, np.int64)
    place[column[::-1]] = np.arange(len(column))[::-1]
    different = np.flatnonzero(place >= 0)
    number = np.zeros(size, np.int64)
    number[different] = np.arange(len(different))
    return place[different], number[column]

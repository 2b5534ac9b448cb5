"""Entry columns: the prefixes of all different sets of AllowedIPs as numbers.

A large network has millions of entries, and some thousand prefixes that these are of. Each entry is
looked at once, while its file is read; what is asked of all entries later is asked of the prefixes
and looked up for the rest in arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from meshc.prefixes import Prefix

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]


class _Numbers(dict[Prefix, int]):
    def __missing__(self, prefix: Prefix) -> int:
        number = self[prefix] = len(self)
        return number


class EntryNumbers:
    """Takes one set after the other."""

    def __init__(self) -> None:
        self._numbers = _Numbers()
        self._parts: list[Ints] = []

    def __len__(self) -> int:
        return len(self._parts)

    def add(self, prefixes: Sequence[Prefix]) -> None:
        numbers = map(self._numbers.__getitem__, prefixes)
        self._parts.append(np.fromiter(numbers, np.int32, len(prefixes)))

    def columns(self) -> EntryColumns:
        """All of them; nothing can be added after that."""
        begin = np.zeros(len(self._parts) + 1, np.int64)
        np.cumsum([len(part) for part in self._parts], out=begin[1:])
        number = np.concatenate([*self._parts, np.zeros(0, np.int32)])
        self._parts.clear()
        return EntryColumns([*self._numbers], number, begin)


class EntryColumns:
    """`prefixes` are the different ones; `number[begin[k]:begin[k + 1]]` those of set k."""

    def __init__(self, prefixes: Sequence[Prefix], number: Ints, begin: Longs) -> None:
        self.prefixes, self.number, self.begin = prefixes, number, begin

    @classmethod
    def of(cls, sets: Iterable[Sequence[Prefix]]) -> EntryColumns:
        numbers = EntryNumbers()
        for some in sets:
            numbers.add(some)
        return numbers.columns()

    def chosen(self, wanted: Callable[[Prefix], bool]) -> EntryColumns:
        """The entries with certain prefixes, in the same sets."""
        flag = np.fromiter(map(wanted, self.prefixes), bool, len(self.prefixes))
        kept = flag[self.number]
        place = np.zeros(len(kept) + 1, np.int64)
        np.cumsum(kept, out=place[1:])
        return EntryColumns(self.prefixes, self.number[kept], place[self.begin])

    def sets(self) -> dict[int, list[Prefix]]:
        """The entries of every set that has one."""
        full = np.flatnonzero(np.diff(self.begin))
        prefixes, number, begin = self.prefixes, self.number, self.begin
        return {
            k: [prefixes[n] for n in number[begin[k] : begin[k + 1]].tolist()]
            for k in full.tolist()
        }

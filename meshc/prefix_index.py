"""Finds the prefixes that overlap a given one, without comparing with all of them."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from meshc.prefixes import BITS, Prefix, mask

_T = TypeVar("_T")


class PrefixIndex(Generic[_T]):
    """Labelled prefixes; one prefix may have several labels."""

    def __init__(self, items: Iterable[tuple[Prefix, _T]]) -> None:
        self._labels: dict[Prefix, list[_T]] = defaultdict(list)
        for prefix, label in items:
            self._labels[prefix].append(label)
        self._sorted = sorted(self._labels)
        self._lengths = {f: sorted({p.length for p in self._sorted if p.family == f}) for f in BITS}

    def overlapping(self, prefix: Prefix) -> Iterator[tuple[Prefix, _T]]:
        """All that contain the prefix, the widest first, then all inside it, sorted."""
        family, value, length = prefix
        for shorter in self._lengths[family]:
            if shorter >= length:
                break
            outer = Prefix(family, mask(family, value, shorter), shorter)
            for label in self._labels.get(outer, ()):
                yield outer, label
        last = prefix.last
        for at in range(bisect_left(self._sorted, prefix), len(self._sorted)):
            inner = self._sorted[at]
            if inner.family != family or inner.value > last:
                return
            if inner.length >= length:
                yield from ((inner, label) for label in self._labels[inner])

    def overlaps(self, prefix: Prefix) -> bool:
        return next(self.overlapping(prefix), None) is not None

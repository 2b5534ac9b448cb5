"""The smallest prefix set that gives a wanted longest-prefix match.

The optimal routing table constructor of Draves, King, Venkatachary and Zill ("Constructing
Optimal IP Routing Tables", INFOCOM 1999), with three additions: regions that may go to any of
several peers ("don't care"), regions that no prefix may cover, and prefixes that must be present.

A region is a prefix with a set of allowed peers, as a bit mask; a more specific region overrides
it. Bit 0 (`UNMATCHED`) stands for "no entry matches": it can be inherited, never written.
For every node of the trie the bottom-up pass finds the set of inherited peers for which the
fewest entries suffice; any other peer costs exactly one more. The top-down pass writes an entry
where the inherited peer is not in the set, as deep as that is free of charge.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from typing import NamedTuple

from meshc.prefixes import BITS, Prefix

UNMATCHED = 1


class Region(NamedTuple):
    """What is wanted for the addresses of a prefix that no more specific region covers.

    `allowed` is a mask of peers. With `forced`, which is one of them, the prefix as a whole must
    match that peer: as an entry, or by a shorter entry of the same peer. With `outside` as well,
    that peer never gets more than the prefix: what is around it is told that any peer in
    `outside` may be inherited here, because an entry is written anyway.
    """

    prefix: Prefix
    allowed: int
    forced: int = 0
    outside: int = 0


class _Node(NamedTuple):
    """A subtree at `base/length`. `allowed` fills the siblings of the way down to the fork at
    `at/fork`, where `low` and `high` hang; a region that begins at the fork is `low` alone.
    `best` is the set for the top, `inner` the set for the fork, `entry` what a forced region or
    one without anything inside writes at the top."""

    base: int
    length: int
    allowed: int
    forced: int
    entry: int
    best: int
    at: int
    fork: int
    inner: int
    low: _Node | None
    high: _Node | None


def minimal_entries(regions: Iterable[Region]) -> list[tuple[Prefix, int]]:
    """The entries (prefix, single peer bit), sorted, whose longest match is as the regions want.

    Outside all regions nothing matches. There is no smaller set. A prefix may be given once, and
    `UNMATCHED` is allowed either alone or together with every peer.
    """
    by_family: dict[int, list[Region]] = defaultdict(list)
    for region in regions:
        by_family[region.prefix.family].append(region)
    entries: list[tuple[Prefix, int]] = []
    for family in sorted(by_family):
        solver = _Solver(family, sorted(by_family[family]))
        solver.emit(solver.build(0, len(solver.items), 0, 0, UNMATCHED), UNMATCHED)
        entries.extend(sorted(solver.entries))
    return entries


class RegionTree:
    """The regions of one family, whose smallest table is asked for again and again with a few of
    them left out: what these do not touch is solved once."""

    def __init__(self, regions: Sequence[Region]) -> None:
        self._items = sorted(regions)
        self._solver = _KeepingSolver(self._items[0].prefix.family, self._items)
        self.whole = frozenset(self.without(frozenset()))

    def without(self, dropped: Container[Prefix]) -> list[tuple[Prefix, int]]:
        """`minimal_entries` of the other regions, in no order."""
        solver = self._solver
        solver.leave_out(dropped)
        if solver.items:
            solver.emit(solver.build(0, len(solver.items), 0, 0, UNMATCHED), UNMATCHED)
        return solver.entries


def minimal_table(regions: Iterable[Region]) -> dict[int, tuple[Prefix, ...]]:
    """`minimal_entries` by peer bit."""
    table: dict[int, list[Prefix]] = defaultdict(list)
    for prefix, peer in minimal_entries(regions):
        table[peer].append(prefix)
    return {peer: tuple(prefixes) for peer, prefixes in table.items()}


class _Solver:
    def __init__(self, family: int, items: list[Region]) -> None:
        self.family = family
        self.bits = BITS[family]
        self.items = items
        self.values = [item.prefix.value for item in items]
        self.entries: list[tuple[Prefix, int]] = []

    def build(self, start: int, end: int, base: int, length: int, allowed: int) -> _Node:
        """The subtree of `base/length` whose regions are items[start:end], bottom-up."""
        forced = outside = 0
        if start < end and self.items[start].prefix.length == length:
            _, allowed, forced, outside = self.items[start]
            start += 1
        entry = forced or allowed
        if start == end:
            best = outside or entry
            return _Node(base, length, allowed, forced, entry, best, base, length, best, None, None)
        # items are sorted, so that first and last have the prefix that all have in common
        first = self.items[start].prefix
        same = self.bits - (first.value ^ self.values[end - 1]).bit_length()
        fork = min(same, first.length)
        shift = self.bits - fork
        at = (first.value >> shift) << shift
        low: _Node
        high: _Node | None = None
        if first.length == fork and start + 1 == end:
            # a region with nothing inside, which most are: what `build` would make of it
            _, inside, must, around = self.items[start]
            entry_ = must or inside
            inner = around or entry_
            low = _Node(at, fork, inside, must, entry_, inner, at, fork, inner, None, None)
        elif first.length == fork:
            low = self.build(start, end, at, fork, allowed)
            inner = low.best
        else:
            middle = at | (1 << (shift - 1))
            split = bisect_left(self.values, middle, start, end)
            low = self.build(start, split, at, fork + 1, allowed)
            high = self.build(split, end, middle, fork + 1, allowed)
            inner = _join(low.best, high.best)
        best = outside or forced or _through(inner, allowed, fork - length)
        return _Node(base, length, allowed, forced, entry, best, at, fork, inner, low, high)

    def emit(self, node: _Node, inherited: int) -> None:
        """Writes the entries of a subtree in which `inherited` is the match from above."""
        if node.forced or node.low is None:
            if not inherited & node.entry:
                inherited = self._write(node.base, node.length, node.entry)
        elif node.fork > node.length and not inherited & node.allowed:
            inherited = self._emit_siblings(node, inherited)
        if node.low is None:
            return
        if node.high is None:
            self.emit(node.low, inherited)
            return
        common = node.low.best & node.high.best
        own_entry = node.forced and node.fork == node.length  # a prefix has one entry
        served = inherited & (node.low.best | node.high.best)
        if common and not served and not own_entry:
            inherited = self._write(node.at, node.fork, common)
        self.emit(node.low, inherited)
        self.emit(node.high, inherited)

    def _emit_siblings(self, node: _Node, inherited: int) -> int:
        """Serves the siblings of the way to the fork, which the inherited peer may not serve."""
        common = node.allowed & node.inner
        if inherited & node.inner and node.fork - node.length == 1:
            common = 0  # one entry either way: the narrower one
        if common:
            return self._write(node.base, node.length, common)
        if node.inner != UNMATCHED and node.fork - node.length > 1:
            return self._write(node.base, node.length, node.allowed)
        for length in range(node.length + 1, node.fork + 1):
            shift = self.bits - length
            self._write(((node.at >> shift) ^ 1) << shift, length, node.allowed)
        return inherited

    def _write(self, value: int, length: int, mask: int) -> int:
        """Adds an entry for one peer of the mask, the lowest, and returns its bit."""
        peers = mask & ~UNMATCHED
        peer = peers & -peers
        self.entries.append((Prefix(self.family, value, length), peer))
        return peer


class _KeepingSolver(_Solver):
    """Knows again the subtrees from which nothing is left out, and their entries."""

    def __init__(self, family: int, items: list[Region]) -> None:
        super().__init__(family, items)
        self._all = items
        self._places: list[int] = []
        self._built: dict[tuple[int, int, int, int], _Node] = {}
        self._kept: set[int] = set()
        self._emitted: dict[tuple[int, int], list[tuple[Prefix, int]]] = {}

    def leave_out(self, dropped: Container[Prefix]) -> None:
        """Begins anew with the regions of all other prefixes."""
        every = self._all
        self._places = [n for n, item in enumerate(every) if item.prefix not in dropped]
        self.items = [every[n] for n in self._places]
        self.values = [item.prefix.value for item in self.items]
        self.entries = []

    def build(self, start: int, end: int, base: int, length: int, allowed: int) -> _Node:
        places = self._places
        if start == end or places[end - 1] - places[start] != end - 1 - start:
            return super().build(start, end, base, length, allowed)
        key = (places[start], places[end - 1], length, allowed)
        node = self._built.get(key)
        if node is None:
            node = self._built[key] = super().build(start, end, base, length, allowed)
            self._kept.add(id(node))
        return node

    def emit(self, node: _Node, inherited: int) -> None:
        if id(node) not in self._kept:
            super().emit(node, inherited)
            return
        key = (id(node), inherited)
        known = self._emitted.get(key)
        if known is None:
            before = len(self.entries)
            super().emit(node, inherited)
            self._emitted[key] = self.entries[before:]
        else:
            self.entries += known


def _join(one: int, other: int) -> int:
    """The best inherited peers of two siblings together."""
    if UNMATCHED in (one, other):
        return UNMATCHED
    return one & other or one | other


def _through(best: int, allowed: int, steps: int) -> int:
    """The best set, seen from `steps` levels above, where the siblings passed allow `allowed`."""
    if steps == 0:
        return best
    if UNMATCHED in (best, allowed):
        return UNMATCHED
    common = best & allowed
    if common:
        return common
    return best | allowed if steps == 1 else allowed

"""Plain walks: packets that arrive over nodes with which nothing is special, by tables.

Most pairs of a large network meet directly or over a relay or two whose firewall treats all nodes
alike. Whether such a packet arrives is a few numbers: the next node of each, whom that believes the
source comes from, and which sessions stand. Here these are looked up for whole rows of pairs,
at a twentieth of what `trace_batch` takes. Whatever is not plain is left to that: a packet that
is lost, a node with a guard, rules or no file, an address of several nodes, a relay with a
smaller MTU, a pair that no other relay could join, one that may begin nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshc.topology.proof.equivalence_classes import EquivalenceClasses
from meshc.topology.proof.fib import DEEPEST
from meshc.topology.proof.peer_table import Bools, Ints, Longs
from meshc.topology.proof.relay_usage import EXAMPLES
from meshc.topology.proof.separation_table import SeparationTable
from meshc.topology.proof.spare_relays import SpareRelays
from meshc.topology.proof.trace_batch import DataPlane, carries_on
from meshc.values import dataclass

Shorts = NDArray[np.int16]

# of classes: below, all pairs are traced faster than tables are made
MANY = 100
_MOST_RELAYS = 128
_MOST_KINDS = 8
_NEITHER, _ITSELF, _THERE = -1, -2, _MOST_RELAYS


@dataclass(slots=True)
class PlainBlock:
    """Pairs of some sources (rows) and all classes (columns): `hops`, 0 for those that are left to
    others; by relay how many pairs of nodes it carries, and the first places of such pairs."""

    hops: NDArray[np.int8]
    carried: dict[int, int]
    examples: dict[int, list[int]]


class PlainWalks:
    """The pairs of one family. `known` are the blocks of other families: where all tables are the
    same, so is what becomes of the packets."""

    def __init__(
        self,
        plane: DataPlane,
        classes: EquivalenceClasses,
        separation: SeparationTable,
        spare: SpareRelays,
        known: dict[bytes, PlainBlock],
    ) -> None:
        fib = plane.fib
        self._fib, self._spare, self._known = fib, spare, known
        self._first = first = classes.first
        self._homes = fib.home[first]
        clear = ~(plane.guarded | plane.policy | plane.made)
        lone = fib.owner[self._homes] == first
        lone &= ~np.isin(self._homes, np.array([*fib.shared], np.int32))
        self._plain = clear[first] & lone
        self._kind = fib.rules[self._homes]
        self._kinds, at = np.unique(self._kind, return_index=True)
        self._atoms: list[int] = self._homes[at].tolist()
        self._relays = self._transit(clear)
        # the relay that a node is; the last places are for what is no node (see `Fib`)
        self._code = np.full(len(plane.models) + 4, _NEITHER, np.int16)
        self._code[self._relays] = np.arange(len(self._relays))
        self._stands(plane, classes)
        self._steps = self._tables(plane)
        mtu = np.array([(s.conf and s.conf.mtu) or 0 for s in plane.models], np.int32)
        narrow = (mtu[self._relays] > 0) & (mtu[first][:, None] > mtu[self._relays])
        self._enter = ~narrow & (first[:, None] != self._relays)
        part = separation.kind[first]
        self._silent = separation.silent[part] if separation.silent.any() else None
        self._part = part
        self._links = spare.links[first]
        self._alike = self._digest()

    def _transit(self, clear: Bools) -> Ints:
        """The relays to look at: none where there are too many, or too many rules."""
        found = [relay for relay in self._spare.relays if clear[relay]]
        few = len(found) <= _MOST_RELAYS and len(self._kinds) <= _MOST_KINDS
        return np.array(found if few else [], np.int32)

    def _stands(self, plane: DataPlane, classes: EquivalenceClasses) -> None:
        """Which sessions stand: between classes, from them to relays, and so on."""
        sessions = plane.sessions
        number = np.full(len(plane.models), -1, np.int32)
        number[self._first] = np.arange(len(self._first))
        relay = self._code[: len(plane.models)].astype(np.int32)
        count = len(self._first), len(self._relays)
        tables = []
        for frm, to, size in (
            (number, number, (count[0], count[0])),
            (number, relay, count),
            (relay, number, count[::-1]),
            (relay, relay, (count[1], count[1])),
        ):
            one, other = frm[sessions.frm], to[sessions.to]
            good = (sessions.fault == 0) & (one >= 0) & (other >= 0)
            table = np.zeros(size, bool)
            table[one[good], other[good]] = True
            tables.append(table)
        self._direct, self._out, self._in, self._between = tables

    def _tables(self, plane: DataPlane) -> Shorts:
        """By the kind of a source, as rules see it, what each relay does with packets to each
        class: the next relay, or `_THERE`, or `_NEITHER`."""
        fib, relays = self._fib, self._relays
        hop = fib.route[fib.row_of[relays]].take(self._homes, axis=1)
        code = self._code.take(hop)
        ahead = np.take_along_axis(self._between, np.maximum(code, 0).astype(np.intp), axis=1)
        step = np.where((code >= 0) & ahead, code, _NEITHER).astype(np.int16)
        step[(hop == self._first) & self._in] = _THERE
        tables = np.stack([step] * len(self._kinds))
        for table, atom in zip(tables, self._atoms, strict=True):
            for kind, other in zip(self._kinds, self._atoms, strict=True):
                stops = [not carries_on(plane, int(relay), atom, other) for relay in self._relays]
                table[np.ix_(np.array(stops, bool), self._kind == kind)] = _NEITHER
        return tables

    def _digest(self) -> bytes:
        """Of all that is asked beside the FIB, so far as two families may differ in it."""
        digest = hashlib.blake2b(digest_size=16)
        for array in (self._first, self._plain, self._relays, self._steps, self._part):
            digest.update(b"%d:" % array.nbytes + np.ascontiguousarray(array).tobytes())
        if self._silent is not None:
            digest.update(self._silent.tobytes())
        return digest.digest()

    def block(self, start: int, stop: int, weight: Longs, wanted: frozenset[int]) -> PlainBlock:
        """The pairs from the classes in `start:stop`; `weight` is how many pairs of nodes each
        stands for, `wanted` the relays of which there are not enough examples."""
        fib, rows = self._fib, slice(start, stop)
        first, homes = self._first, self._homes
        source = first[rows]
        hop = fib.route[fib.row_of[source]].take(homes, axis=1)
        believed = np.ascontiguousarray(fib.peer.take(homes[rows], axis=1)[fib.row_of[first]].T)
        trust = fib.peer[fib.row_of[self._relays]].take(homes[rows], axis=1).T
        digest = hashlib.blake2b(self._alike, digest_size=16)
        for array in (hop, believed, np.ascontiguousarray(trust), weight):
            digest.update(array.tobytes())
        digest.update(repr((start, stop, sorted(wanted))).encode())
        key = digest.digest()
        if key not in self._known:
            self._known[key] = self._walked(start, stop, (hop, believed, trust), weight, wanted)
        return self._known[key]

    def _walked(
        self,
        start: int,
        stop: int,
        tables: tuple[Ints, Ints, Ints],
        weight: Longs,
        wanted: frozenset[int],
    ) -> PlainBlock:
        hop, believed, trust = tables
        rows = slice(start, stop)
        source = self._first[rows][:, None]
        count = stop - start, len(self._first)
        live = self._plain[rows, None] & self._plain & (weight > 0)
        np.fill_diagonal(live[:, rows], False)
        if self._silent is not None:
            live &= ~self._silent[rows][:, self._part]
        hops = np.zeros(count, np.int8)
        own = believed == source
        near = (hop == self._first) & live
        hops[near & own & self._direct[rows]] = 1
        block = PlainBlock(hops, {}, {})
        places = np.flatnonzero(live & ~near)
        if not len(self._relays) or not len(places):
            return block
        came = self._code.take(believed)
        came[own] = _ITSELF
        faith = self._code.take(trust)
        faith[trust == source] = _ITSELF
        self._over_relays(block, start, places, (hop, came, faith), (weight, wanted))
        return block

    def _over_relays(
        self,
        block: PlainBlock,
        start: int,
        places: Longs,
        tables: tuple[Ints, Shorts, Shorts],
        count: tuple[Longs, frozenset[int]],
    ) -> None:
        """Takes all pairs from relay to relay. `came` is the relay from which each target believes
        that the source's packets come, `faith[row, relay]` the same of a relay."""
        hop, came, faith = tables
        rows, size, relays = len(hop), len(self._first), len(self._relays)
        part = slice(start, start + rows)
        meets = np.where(self._enter[part], faith, _NEITHER).reshape(-1)
        row, column = np.divmod(places, size)
        here = self._code.take(hop.reshape(-1).take(places))
        begins = np.append(self._out[part] & (faith == _ITSELF) & self._enter[part], False)
        at = np.where(here < 0, rows * relays, row * relays + here)
        places, row, column, here = _kept(begins.take(at), places, row, column, here)
        lost = self._beyond(start, rows)
        kind = np.searchsorted(self._kinds, self._kind[part]) * relays
        path: list[Shorts] = []
        for hops in range(2, DEEPEST):
            ok = lost(row, column, here)
            places, row, column, here, *path = _kept(ok, places, row, column, here, *path)
            path.append(here)
            if not len(places):
                return
            step = self._steps.take((kind.take(row) + here) * size + column)
            there = step == _THERE
            there &= came.reshape(-1).take(places) == here
            done, *passed = _kept(there, places, *path)
            block.hops.reshape(-1)[done] = hops
            for relay in passed:
                self._carry(block, done, relay, *count)
            on = (step >= 0) & (step < _THERE)
            places, row, column, step, *path = _kept(on, places, row, column, step, *path)
            ok = meets.take(row * relays + step) == path[-1]
            places, row, column, here, *path = _kept(ok, places, row, column, step, *path)

    def _beyond(self, start: int, rows: int) -> Callable[[Longs, Longs, Shorts], Bools]:
        """Tells of pairs and a relay each whether they could meet without that."""
        source = self._first[start : start + rows]
        width = self._links.shape[1]
        reach = np.zeros((len(self._relays), rows, width), np.uint64)
        known = np.zeros(len(self._relays), bool)

        def meet(row: Longs, column: Longs, here: Shorts) -> Bools:
            for relay in np.flatnonzero(np.bincount(here, minlength=len(known)) * ~known):
                reach[relay] = self._spare.without(int(self._relays[relay]))[source]
                known[relay] = True
            at = here.astype(np.int64) * rows + row
            found = np.zeros(len(row), bool)
            for word in range(width):
                found |= (reach[:, :, word].take(at) & self._links[:, word].take(column)) != 0
            return found

        return meet

    def _carry(
        self, block: PlainBlock, places: Longs, here: Shorts, weight: Longs, wanted: frozenset[int]
    ) -> None:
        """Counts the pairs that pass relays, and keeps the first of them."""
        sums = np.bincount(here, weights=weight.reshape(-1).take(places))
        for code in np.flatnonzero(sums).tolist():
            relay = int(self._relays[code])
            block.carried[relay] = block.carried.get(relay, 0) + int(sums[code])
            if relay in wanted:
                some = places[here == code][:EXAMPLES].tolist()
                block.examples[relay] = sorted([*block.examples.get(relay, ()), *some])[:EXAMPLES]


def _kept(which: Bools, *columns: NDArray[Any]) -> list[Any]:
    """What is left of columns; themselves where that is all."""
    return [*columns] if which.all() else [column[which] for column in columns]

"""Class entries: what the pools' tries give to each of a thousand classes, all classes in step.

The entries are those of `PoolTrie.entries`, which takes one step for each fork of the trie and each
class. Here a step is for many classes at once: the peers of a class are numbered, its home first,
and the sets of one trie node are a row with one number for each class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from meshc.prefixes import Prefix
from meshc.topology.planner.allowed_ips.pool_trie import PoolTrie
from meshc.topology.planner.routing.hop_words import HopWords
from meshc.topology.planner.routing.routing import Routing

Sets = NDArray[np.unsignedinteger]

_TOGETHER = 1024
_WIDEST = 64  # relays of one leaf


class ClassEntries:
    """The entries of classes that send nobody's packets another way than their relays. Ask for them
    in the order of their numbers: those near each other are made together, and kept so long."""

    def __init__(
        self, routing: Routing, tries: Sequence[PoolTrie], homes: Sequence[int | None]
    ) -> None:
        self._routing, self._tries, self._homes = routing, tries, homes
        self._words = HopWords(routing)
        widest = max((len(links) for links in routing.attachments), default=0)
        self.fits = self._words.fits and widest <= _WIDEST
        self._type = np.min_scalar_type((1 << max(widest, 1)) - 1)
        class_of = np.array(routing.class_of, np.intp)
        self._owners = [np.array(trie.owners, np.intp) for trie in tries]
        self._of = [class_of[owners] for owners in self._owners]
        self._names = [_names(trie) for trie in tries]
        self._start = -1
        self._found: list[Sets] = []
        self._reach: NDArray[np.bool_] = np.zeros(0, bool)

    def of(self, class_: int) -> Mapping[int, Sequence[Prefix]] | None:
        """By relay, sorted, without the pools themselves; None for a class that does not reach
        everybody."""
        start = class_ // _TOGETHER * _TOGETHER
        if start != self._start:
            self._make(start, min(start + _TOGETHER, len(self._routing.members)))
        row = class_ - start
        if not self._reach[row]:
            return None
        result: dict[int, list[Prefix]] = {}
        for at, relay in enumerate(self._order(class_)):
            entries = result[relay] = []
            for (names, _), found in zip(self._names, self._found, strict=True):
                places = np.flatnonzero(found[row] == 1 << at)
                entries += map(names.__getitem__, places.tolist())
        return result

    def _order(self, class_: int) -> list[int]:
        """The relays of a class as `PeerBits` numbers them."""
        home = self._homes[class_]
        relays = [relay for relay, _ in self._routing.attachments[class_]]
        return sorted(relays, key=lambda relay: (relay != home, relay))

    def _make(self, start: int, stop: int) -> None:
        routing, count = self._routing, stop - start
        relays = routing.graph.relays
        classes = np.zeros((len(routing.members), count), self._type)
        nodes = np.zeros((len(routing.graph.nodes), count), self._type)
        self._reach = np.ones(count, bool)
        for row, class_ in enumerate(range(start, stop)):
            order = self._order(class_)
            bit = {relay: 1 << at for at, relay in enumerate(order)}
            bits = [bit[relay] for relay, _ in routing.attachments[class_]]
            first = self._words.first(class_)
            classes[:, row] = np.array([*bits, 0], self._type)[first]
            hops = [routing.class_to_relay(class_, relay) for relay in relays]
            self._reach[row] = bool(bits) and None not in hops and bool((first >= 0).all())
            nodes[relays, row] = [0 if hop is None else bit[hop] for hop in hops]
        self._found = []
        made: list[tuple[PoolTrie, Sets]] = []
        for trie, owners, of, (_, places) in zip(
            self._tries, self._owners, self._of, self._names, strict=True
        ):
            alike = next((sets for other, sets in made if trie.is_like(other)), None)
            if alike is None:
                leaves = np.where(of[:, None] >= 0, classes[of], nodes[owners])
                alike = _written(trie, leaves)
                made.append((trie, alike))
            self._found.append(np.ascontiguousarray(alike[places].T))
        self._start = start


def _names(trie: PoolTrie) -> tuple[list[Prefix], NDArray[np.intp]]:
    """What an entry of each row of `_written` is, sorted, and the rows in that order."""
    count = len(trie.owners)
    names = [*trie.at, *(trie.blocks[node] for node in _forks_of_blocks(trie))]
    for node in trie.blocks:
        if node < count:
            names[node] = trie.blocks[node]
    order = sorted(range(len(names)), key=names.__getitem__)
    return [names[row] for row in order], np.array(order, np.intp)


def _forks_of_blocks(trie: PoolTrie) -> list[int]:
    return sorted(node for node in trie.blocks if node >= len(trie.owners))


def _written(trie: PoolTrie, leaves: Sets) -> Sets:
    """For each node (rows) and class (columns) the peer that has an entry there, or 0; then that
    of the blocks over forks as a whole. `best` and `same` are the halves of the numbers of
    `PoolTrie.entries`; `above` is the peer that is inherited, 0 where nothing is left to do."""
    count, size = leaves.shape[0], len(trie.at)
    best = np.zeros((size, leaves.shape[1]), leaves.dtype)
    best[:count] = leaves
    same = best.copy()
    for node, (low, high) in enumerate(trie.forks, count):
        np.bitwise_and(same[low], same[high], out=same[node])
        both = best[low] & best[high]
        best[node] = np.where(both, both, best[low] | best[high])
    whole = {node: size + n for n, node in enumerate(_forks_of_blocks(trie))}
    written = np.zeros((size + len(whole), leaves.shape[1]), leaves.dtype)
    above = np.zeros_like(best)
    if trie.root >= 0:
        above[trie.root] = 1
    for node in range(size - 1, count - 1, -1):
        inherited = np.where(above[node] & same[node], 0, above[node])
        if node in whole:
            written[whole[node]] = np.where(inherited, same[node], 0)
            inherited[same[node] != 0] = 0
        low, high = trie.forks[node - count]
        peers = best[low] & best[high]
        new = (inherited != 0) & (peers != 0) & (inherited & (best[low] | best[high]) == 0)
        if trie.at[node] != trie.pool and new.any():
            written[node] = np.where(new, peers & (~peers + 1), 0)
            inherited = np.where(new, written[node], inherited)
        above[low] = above[high] = inherited
    waiting = (above[:count] != 0) & (above[:count] & same[:count] == 0)
    written[:count] = np.where(waiting, same[:count], 0)
    return written

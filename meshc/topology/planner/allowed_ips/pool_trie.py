"""The pool trie: the addresses of a pool as a binary trie that all tables of a network share.

Inside a pool every address goes to a relay, the home where nothing else is said, and no prefix
lies inside another. What is left of `minimal_table` then is one step for each fork of the trie, and
the trie is the same for everybody: only who gets what differs. The entries are those that
`minimal_table` finds for the regions of `table_regions`, at a tenth of its cost.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import groupby

from meshc.prefixes import BITS, Prefix
from meshc.topology.planner.allowed_ips.table_regions import block_of
from meshc.values import dataclass

Entry = tuple[Prefix, int]


@dataclass(slots=True)
class PoolTrie:
    """Node k < len(owners) is the k-th prefix; forks follow, each behind its two children. `blocks`
    are nodes below which a block of the allocation lies: where one peer has all of that, it gets
    the block as a whole."""

    pool: Prefix
    owners: Sequence[int]
    at: list[Prefix]
    forks: list[tuple[int, int]]
    blocks: dict[int, Prefix]
    root: int

    def is_like(self, other: PoolTrie) -> bool:
        """Whether nobody's entries are others than there, but for the prefixes."""
        return (
            self.owners == other.owners
            and self.forks == other.forks
            and self.root == other.root
            and self.blocks.keys() == other.blocks.keys()
            and self._tops() == other._tops()
        )

    def _tops(self) -> list[int]:
        """The nodes that are the pool itself."""
        return [node for node, prefix in enumerate(self.at) if prefix == self.pool]

    def entries(self, masks: Sequence[int], home: int) -> list[Entry]:
        """The entries beside that of the pool, which is `home`'s. `masks` has a peer bit for each
        owner; or all bits, of an owner who needs no entry."""
        if self.root < 0:
            return []
        wide = max(map(int.bit_length, (home, *masks)))
        only_best = (1 << wide) - 1
        # The low half of a number is the best peers of a node, the high half those that all below
        # it may have: these are among the best, so that one `&` joins both.
        double = {mask: mask | mask << wide for mask in {*masks}}
        sets = [double[masks[owner]] for owner in self.owners]
        add = sets.append
        for low, high in self.forks:
            one, other = sets[low], sets[high]
            add(one & other or (one | other) & only_best)
        return self._written(sets, wide, home)

    def _written(self, sets: Sequence[int], wide: int, home: int) -> list[Entry]:
        """From the top down: an entry where the peer above is not among the best."""
        found: list[Entry] = []
        waiting = [(self.root, home)]
        prefixes, forks, count = self.at, self.forks, len(self.owners)
        while waiting:
            node, inherited = waiting.pop()
            same = sets[node] >> wide
            if inherited & same:
                continue
            if same and node in self.blocks:
                found.append((self.blocks[node], same))
            elif node < count:
                found.append((prefixes[node], same))
            else:
                low, high = forks[node - count]
                one, other = sets[low], sets[high]
                peers = one & other
                # the pool has an entry already, and a prefix has one
                if peers and not inherited & (one | other) and prefixes[node] != self.pool:
                    peers &= (1 << wide) - 1
                    inherited = peers & -peers
                    found.append((prefixes[node], inherited))
                waiting += ((low, inherited), (high, inherited))
        return found


def pool_trie(
    pool: Prefix, owned: Iterable[tuple[Prefix, int]], pools: Sequence[Prefix]
) -> PoolTrie:
    """`owned` are prefixes in the pool, none inside another, and their owners."""
    items = sorted(owned)
    prefixes = [prefix for prefix, _ in items]
    trie = PoolTrie(pool, [owner for _, owner in items], prefixes.copy(), [], {}, -1)
    parts: list[tuple[Prefix, int]] = []
    first = 0
    for block, inside in groupby(prefixes, lambda prefix: block_of(prefix, pools)):
        count = len([*inside])
        nodes = range(first, first + count)
        if block is None:
            parts += [(prefixes[node], node) for node in nodes]
        else:
            top = _joined(trie, [(prefixes[node], node) for node in nodes])
            trie.blocks[top] = block
            parts.append((block, top))
        first += count
    trie.root = _joined(trie, parts) if parts else -1
    return trie


def _joined(trie: PoolTrie, parts: Sequence[tuple[Prefix, int]]) -> int:
    """The node over some sorted parts."""
    if len(parts) == 1:
        return parts[0][1]
    family, low, _ = parts[0][0]
    high = parts[-1][0].value
    fork = BITS[family] - (low ^ high).bit_length()
    middle = high >> (BITS[family] - fork - 1) << (BITS[family] - fork - 1)
    split = bisect_left(parts, middle, key=lambda part: part[0].value)
    children = _joined(trie, parts[:split]), _joined(trie, parts[split:])
    trie.forks.append(children)
    shift = BITS[family] - fork
    trie.at.append(Prefix(family, low >> shift << shift, fork))
    return len(trie.at) - 1

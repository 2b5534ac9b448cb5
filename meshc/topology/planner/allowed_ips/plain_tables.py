"""Plain tables: those of leaves in a network where no prefix lies inside another.

That is nearly every network. There the pools are solved on tries that all tables share
(`pool_trie`), and outside of them a prefix is an entry by itself, unless it stands beside others
that make up a wider one. Who offers a LAN has the table of its class without that LAN.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from meshc.prefixes import Prefix, collapse
from meshc.topology.planner.allowed_ips.minimal_table import Region, RegionTree, minimal_entries
from meshc.topology.planner.allowed_ips.pool_trie import Entry, PoolTrie, pool_trie
from meshc.topology.planner.allowed_ips.table_regions import PeerBits, Prefixes, Table
from meshc.topology.planner.routing.routing import Routing
from meshc.values import dataclass, field

if TYPE_CHECKING:
    from meshc.topology.planner.allowed_ips.class_entries import ClassEntries

# of classes: below, one after the other is done before numpy is loaded
MANY = 400

ByRelay = Mapping[int, Sequence[Prefix]]


class Wishes(NamedTuple):
    """What one class wants: a peer bit for every node by its number (all bits for one that needs no
    entry), the bit that has the pools, and the regions of the default routes, if any. `of_pools`
    are the entries in the pools by peer, if known; where nothing is outside, `masks` is empty then.
    """

    peers: PeerBits
    masks: Sequence[int]
    home: int
    defaults: Mapping[Prefix, Region]
    of_pools: ByRelay | None = None


@dataclass(slots=True)
class PlainTables:
    """`outside` are the prefixes outside of the pools and their owners; `groups` those sets of
    neighbouring ones, pools among them, that may have a wider entry together."""

    pools: Prefixes
    tries: tuple[PoolTrie, ...]
    outside: dict[Prefix, int]
    groups: tuple[Prefixes, ...]
    group_of: dict[Prefix, int]
    _trees: dict[tuple[int, int], RegionTree] = field(default_factory=dict)

    def table(self, wishes: Wishes, dropped: frozenset[Prefix]) -> Table:
        """The smallest table without the prefixes in `dropped`."""
        entries = self._of_pools(wishes)
        regions = self._regions(wishes, dropped)
        if wishes.defaults:
            entries += minimal_entries([*({**wishes.defaults, **regions}).values()])
        else:
            for group in self.groups:
                entries += _entries([regions[p] for p in group if p in regions])
        return _by_peer(wishes.peers, entries, wishes.of_pools)

    def lighter(self, table: Table, wishes: Wishes, dropped: frozenset[Prefix]) -> Table:
        """`table`, of nothing dropped and without default routes, once some prefixes are."""
        gone, more = set(dropped), list[Entry]()
        for number in {self.group_of[prefix] for prefix in dropped}:
            if len(self.groups[number]) > 1:
                tree = self._tree(table, wishes, number)
                left = tree.without(dropped)
                gone.update(p for p, _ in tree.whole.difference(left))
                more += [e for e in left if e not in tree.whole or e[0] in gone]
        added = _by_peer(wishes.peers, more)
        return {
            peer: prefixes
            if not added[peer] and gone.isdisjoint(prefixes)
            else tuple(sorted((*(p for p in prefixes if p not in gone), *added[peer])))
            for peer, prefixes in table.items()
        }

    def _tree(self, table: Table, wishes: Wishes, number: int) -> RegionTree:
        """The regions of a group for those who want `table`, which outlives this."""
        key = (id(table), number)
        if key not in self._trees:
            regions = self._regions(wishes, (), self.groups[number])
            self._trees[key] = RegionTree([*regions.values()])
        return self._trees[key]

    def _of_pools(self, wishes: Wishes) -> list[Entry]:
        if wishes.of_pools is not None:
            return []
        return [entry for trie in self.tries for entry in trie.entries(wishes.masks, wishes.home)]

    def _regions(
        self, wishes: Wishes, dropped: Iterable[Prefix], only: Prefixes | None = None
    ) -> dict[Prefix, Region]:
        """The regions outside of the pools, and those of the pools as a whole."""
        masks, owners = wishes.masks, self.outside
        some = owners if only is None else [p for p in only if p in owners]
        regions = {p: Region(p, masks[owners[p]]) for p in some if p not in dropped}
        for pool in self.pools:
            if only is None or pool in only:
                regions[pool] = Region(pool, wishes.peers.relays, wishes.home)
        return regions


def plain_tables(pools: Prefixes, own: Sequence[Prefixes]) -> PlainTables | None:
    """By the prefixes of each node; None when one lies inside another, or over a pool."""
    owners = {prefix: node for node, prefixes in enumerate(own) for prefix in prefixes}
    every = sorted(prefix for prefixes in own for prefix in prefixes)
    if any(one.contains(other) for one, other in pairwise(every)):
        return None
    if any(one.overlaps(other) for one, other in pairwise(sorted(pools))):
        return None
    inside: dict[Prefix, list[tuple[Prefix, int]]] = {pool: [] for pool in pools}
    outside: dict[Prefix, int] = {}
    for prefix in every:
        pool = next((pool for pool in pools if pool.overlaps(prefix)), None)
        if pool is None:
            outside[prefix] = owners[prefix]
        elif pool.contains(prefix) and pool != prefix:
            inside[pool].append((prefix, owners[prefix]))
        else:
            return None
    tries = tuple(pool_trie(pool, items, pools) for pool, items in inside.items())
    groups = _groups([*outside, *pools])
    group_of = {prefix: number for number, group in enumerate(groups) for prefix in group}
    return PlainTables(pools, tries, outside, groups, group_of)


def class_wishes(
    routing: Routing,
    class_: int,
    peers: PeerBits,
    home: int,
    met: Iterable[int],
    defaults: Mapping[Prefix, Region],
    known: ByRelay | None = None,
) -> Wishes | None:
    """What a class wants whose members have sections for the nodes in `met`; None when it cannot
    reach all the others. `known` says all of that if nothing is asked of it but the pools."""
    if known is not None:
        return Wishes(peers, (), peers.of(home), defaults, known)
    hops = routing.class_hops(class_)
    relays = {relay: routing.class_to_relay(class_, relay) for relay in routing.graph.relays}
    if None in hops or None in relays.values():
        return None
    bit_of = {relay: peers.of(relay) for relay, _ in routing.attachments[class_]}
    bits = [bit_of[hop] for hop in hops if hop is not None]
    masks = [bits[of] if of >= 0 else 0 for of in routing.class_of]
    for relay, hop in relays.items():
        masks[relay] = peers.of(hop) if hop is not None else 0
    for node in met:
        masks[node] = peers.anyone
    return Wishes(peers, masks, peers.of(home), defaults)


def class_entries(
    routing: Routing, plain: PlainTables | None, home: Callable[[int], int | None]
) -> ClassEntries | None:
    """The pools' entries of all classes in step, where that is quicker than one after the other."""
    if plain is None or plain.outside or len(routing.members) < MANY or not routing.backbone:
        return None
    # numpy, which most networks do without
    from meshc.topology.planner.allowed_ips.class_entries import ClassEntries

    homes = [home(class_) for class_ in range(len(routing.members))]
    found = ClassEntries(routing, plain.tries, homes)
    return found if found.fits else None


def _groups(prefixes: Iterable[Prefix]) -> tuple[Prefixes, ...]:
    """What lies in one of the widest prefixes that they cover completely, together."""
    groups: list[list[Prefix]] = []
    some = sorted(prefixes)
    wide = iter(collapse(some))
    over: Prefix | None = None
    for prefix in some:
        if over is None or not over.contains(prefix):
            over = next(wide)
            groups.append([])
        groups[-1].append(prefix)
    return tuple(map(tuple, groups))


def _entries(regions: list[Region]) -> list[Entry]:
    if len(regions) == 1:
        prefix, allowed, forced, _ = regions[0]
        entry = forced or allowed
        return [] if entry & 1 else [(prefix, entry)]
    return minimal_entries(regions)


def _by_peer(peers: PeerBits, entries: Iterable[Entry], known: ByRelay | None = None) -> Table:
    found: dict[int, list[Prefix]] = defaultdict(list)
    for peer, prefixes in (known or {}).items():
        found[peers.of(peer)] += prefixes
    for prefix, bit in entries:
        found[bit].append(prefix)
    return {peer: tuple(sorted(found.get(peers.of(peer), ()))) for peer in peers}

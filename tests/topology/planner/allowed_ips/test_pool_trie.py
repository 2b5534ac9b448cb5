"""The pool trie: the entries of the general constructor, for any sharing of the addresses."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.prefixes import Prefix
from meshc.topology.planner.allowed_ips.minimal_table import Region, minimal_entries
from meshc.topology.planner.allowed_ips.pool_trie import pool_trie
from meshc.topology.planner.allowed_ips.table_regions import block_regions

POOL = Prefix.parse("10.0.0.0/24")  # in blocks of 16
RELAYS = (2, 4, 8)
ANYONE = sum(RELAYS) | 1
HOSTS = [Prefix(4, POOL.value + number, 32) for number in range(256)]
LANS = [Prefix(4, POOL.value + 64 * number, 26) for number in (2, 3)]


def by_regions(given_: dict[Prefix, int], home: int) -> list[tuple[Prefix, int]]:
    """What the tables of `peer_prefixes` are made of where there is no short cut."""
    owned = {prefix: peer for prefix, peer in given_.items() if peer != ANYONE}
    regions = {POOL: Region(POOL, sum(RELAYS), home)}
    regions.update((one.prefix, one) for one in block_regions(owned, (POOL,)))
    for prefix, peer in given_.items():
        regions.setdefault(prefix, Region(prefix, peer))
    return minimal_entries(regions.values())


def owners(most: int) -> st.SearchStrategy[dict[Prefix, int]]:
    peers = st.sampled_from([*RELAYS, *RELAYS, ANYONE])
    low = st.dictionaries(st.sampled_from(HOSTS[1:128]), peers, max_size=most)
    return st.builds(lambda a, b: a | b, low, st.dictionaries(st.sampled_from(LANS), peers))


@settings(deadline=None)
@given(st.one_of(owners(6), owners(60)), st.sampled_from(RELAYS))
def test_the_entries_are_those_of_the_general_constructor(
    given_: dict[Prefix, int], home: int
) -> None:
    trie = pool_trie(POOL, [(prefix, n) for n, prefix in enumerate(given_)], (POOL,))
    found = [(POOL, home), *trie.entries([*given_.values()], home)]
    assert sorted(found) == by_regions(given_, home)


def test_one_trie_serves_every_sharing() -> None:
    trie = pool_trie(POOL, [(HOSTS[1], 0), (HOSTS[2], 1), (HOSTS[40], 2)], (POOL,))
    assert trie.entries([2, 2, 2], 2) == []
    assert trie.entries([4, 4, 2], 2) == [(Prefix.parse("10.0.0.0/28"), 4)]
    assert sorted(trie.entries([4, 2, 2], 2)) == [(HOSTS[1], 4)]


def test_an_empty_pool_has_no_entries() -> None:
    assert pool_trie(POOL, [], (POOL,)).entries([], 2) == []

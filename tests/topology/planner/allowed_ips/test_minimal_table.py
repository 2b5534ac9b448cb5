"""The smallest prefix set: against every smaller set on small tables, and by equal lookups."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.prefixes import BITS, Prefix
from meshc.topology.planner.allowed_ips.minimal_table import (
    UNMATCHED,
    Region,
    RegionTree,
    minimal_entries,
    minimal_table,
)

WIDTH = 3  # the oracle looks at the 8 addresses of a /29
BASE = Prefix.parse("10.0.0.0/29")
PEERS = (2, 4, 8)
LEAF = 16  # a peer that has one prefix, and never more


def lookup(entries: list[tuple[Prefix, int]], value: int) -> int:
    """Longest-prefix match the slow way."""
    address = Prefix(4, value, 32)
    found = [(p.length, peer) for p, peer in entries if p.contains(address)]
    return max(found)[1] if found else UNMATCHED


def wanted(regions: list[Region], value: int) -> int:
    address = Prefix(4, value, 32)
    found = [(r.prefix.length, r.allowed) for r in regions if r.prefix.contains(address)]
    return max(found)[1] if found else UNMATCHED


def forced_ok(regions: list[Region], entries: list[tuple[Prefix, int]]) -> bool:
    """Every forced prefix is matched, as a whole, by its peer: by itself or by a shorter one."""
    for region in regions:
        if region.forced:
            over = [(p.length, peer) for p, peer in entries if p.contains(region.prefix)]
            if not over or max(over)[1] != region.forced:
                return False
    return True


def fits(regions: list[Region], entries: list[tuple[Prefix, int]], size: int = 1 << WIDTH) -> bool:
    values = range(BASE.value - 1, BASE.value + size + 1)
    return forced_ok(regions, entries) and all(
        lookup(entries, v) & wanted(regions, v) for v in values
    )


def subprefixes() -> list[Prefix]:
    return [
        Prefix(4, BASE.value + (i << (WIDTH - n)), 29 + n)
        for n in range(WIDTH + 1)
        for i in range(1 << n)
    ]


def smallest(regions: list[Region], at_most: int, peers: tuple[int, ...]) -> int:
    """The size of the smallest set that fits, by trying all; `at_most` when none is smaller."""
    given_ = [(r.prefix, LEAF) for r in regions if r.outside]
    taken = {p for p, _ in given_}
    choices = [(p, peer) for p in subprefixes() for peer in peers if p not in taken]
    for size in range(at_most - len(given_)):
        for chosen in combinations(choices, size):
            if len({p for p, _ in chosen}) == size and fits(regions, [*given_, *chosen]):
                return size + len(given_)
    return at_most


@st.composite
def tables(draw: st.DrawFn, peers: tuple[int, ...] = PEERS[:2]) -> list[Region]:
    everyone = sum(peers)
    masks = st.sampled_from([*peers, everyone, everyone | UNMATCHED, UNMATCHED])
    prefixes = draw(st.lists(st.sampled_from(subprefixes()), unique=True, max_size=6))
    regions = [Region(p, draw(masks)) for p in prefixes]
    if draw(st.booleans()):
        forced = draw(st.sampled_from(peers))
        root = Region(BASE, draw(st.sampled_from([forced, everyone])), forced)
        regions = [root, *(r for r in regions if r.prefix != BASE and r.allowed != UNMATCHED)]
    if regions and draw(st.booleans()):
        prefix = regions.pop().prefix
        # what lies inside an entry that must be there cannot be unmatched
        regions = [
            r for r in regions if r.allowed in peers or r.forced or not prefix.contains(r.prefix)
        ]
        regions.append(Region(prefix, LEAF, LEAF, everyone | UNMATCHED))
    return regions


@given(tables(PEERS))
def test_lookups_are_as_wanted(regions: list[Region]) -> None:
    assert fits(regions, minimal_entries(regions))


@settings(max_examples=60, deadline=None)
@given(tables())
def test_no_smaller_set_exists(regions: list[Region]) -> None:
    entries = minimal_entries(regions)
    assert smallest(regions, min(len(entries), 4), PEERS[:2]) == min(len(entries), 4)


@given(tables(PEERS))
def test_a_prefix_is_never_given_to_two_peers(regions: list[Region]) -> None:
    prefixes = [prefix for prefix, _ in minimal_entries(regions)]
    assert len(set(prefixes)) == len(prefixes)


@given(tables(PEERS))
def test_a_peer_with_a_prefix_of_its_own_gets_no_more(regions: list[Region]) -> None:
    expected = [(r.prefix, LEAF) for r in regions if r.outside]
    assert expected == [entry for entry in minimal_entries(regions) if entry[1] == LEAF]


@given(tables(), st.lists(st.sets(st.sampled_from(subprefixes()), max_size=3), max_size=4))
@settings(max_examples=200, deadline=None)
def test_regions_left_out_are_as_if_they_had_never_been(
    regions: list[Region], holes: list[set[Prefix]]
) -> None:
    if not regions:
        return
    tree = RegionTree(regions)
    assert tree.whole == {*minimal_entries(regions)}
    for dropped in [*holes, *holes]:  # the second time from what it knows
        left = [region for region in regions if region.prefix not in dropped]
        assert sorted(tree.without(dropped)) == minimal_entries(left)


def test_catch_all_with_an_exception() -> None:
    pool = Prefix.parse("10.44.0.0/24")
    one = Prefix.parse("10.44.0.9")
    regions = [Region(pool, 2, forced=2), Region(one, 4)]
    assert minimal_table(regions) == {2: (pool,), 4: (one,)}


def test_exceptions_merge_over_addresses_that_nobody_has() -> None:
    pool = Prefix.parse("10.44.0.0/24")
    taken = [Prefix.parse(f"10.44.0.{n}") for n in (65, 70, 79)]
    regions = [
        Region(pool, 6, forced=2),
        *(Region(address, 4) for address in taken),
    ]
    assert minimal_table(regions) == {2: (pool,), 4: (Prefix.parse("10.44.0.64/28"),)}


def test_exact_tables_never_cover_a_free_address() -> None:
    regions = [Region(Prefix.parse(f"10.0.0.{n}"), 2) for n in (4, 5, 6, 7, 9)]
    assert minimal_table(regions) == {2: (Prefix.parse("10.0.0.4/30"), Prefix.parse("10.0.0.9"))}


def test_a_default_route_makes_equal_entries_redundant() -> None:
    regions = [
        Region(Prefix.parse("0.0.0.0/0"), 2, forced=2),
        Region(Prefix.parse("10.0.0.9"), 2),
        Region(Prefix.parse("10.0.0.10"), 4),
    ]
    assert minimal_entries(regions) == [
        (Prefix.parse("0.0.0.0/0"), 2),
        (Prefix.parse("10.0.0.10"), 4),
    ]


def test_both_families_in_one_table() -> None:
    regions = [Region(Prefix.parse("fd44::7"), 2), Region(Prefix.parse("10.0.0.7"), 2)]
    assert minimal_table(regions) == {2: (Prefix.parse("10.0.0.7"), Prefix.parse("fd44::7"))}
    assert {p.length for p in minimal_table(regions)[2]} == {BITS[4], BITS[6]}

"""Which addresses begin an entry, and the entries that this calls for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshc.prefixes import BITS, Prefix
from meshc.topology.planner.allowed_ips.anycast_hosts import first_addresses, with_hosts


class Everybody:
    """Every address is a node's."""

    def __contains__(self, address: object) -> bool:
        return True


ALL = Everybody()
Table = dict[int, tuple[Prefix, ...]]


def parse(*texts: str) -> tuple[Prefix, ...]:
    return tuple(Prefix.parse(text) for text in texts)


def test_a_subnet_begins_at_an_address() -> None:
    assert first_addresses({7: parse("fd44::10/124")}, ALL) == {Prefix.parse("fd44::10/128"): 7}


def test_ipv4_and_point_to_point_prefixes_do_not_count() -> None:
    assert first_addresses({7: parse("10.0.0.0/24", "fd44::10/127", "fd44::20/128")}, ALL) == {}


def test_the_longest_entry_counts() -> None:
    table = {7: parse("fd44::/64", "fd44::10/124"), 8: parse("fd44::/126", "fd44::10/128")}
    assert first_addresses(table, ALL) == {Prefix.parse("fd44::/128"): 8}


def test_an_address_of_nobody_does_not_count() -> None:
    table = {7: parse("fd44::10/124", "fd44::20/124")}
    among = {Prefix.parse("fd44::20/128")}
    assert first_addresses(table, among) == {Prefix.parse("fd44::20/128"): 7}


def test_an_added_entry_is_in_its_place() -> None:
    table = {7: parse("fd44::10/124", "fd44::40/128"), 8: parse("fd44::2/128")}
    added = with_hosts(table, {Prefix.parse("fd44::10/128"): 7})
    assert added == {7: parse("fd44::10/124", "fd44::10/128", "fd44::40/128"), 8: table[8]}


subnets = st.builds(
    lambda number, length: Prefix(6, number >> (128 - length) << (128 - length), length),
    st.integers(0, 15),
    st.integers(124, 128),
)


@given(st.dictionaries(subnets, st.sampled_from([1, 2, 3]), max_size=8))
def test_afterwards_no_address_begins_an_entry_and_every_lookup_is_the_same(
    entries: dict[Prefix, int],
) -> None:
    table: Table = {
        peer: tuple(sorted(p for p, at in entries.items() if at == peer)) for peer in (1, 2, 3)
    }
    added = with_hosts(table, first_addresses(table, ALL))
    assert first_addresses(added, ALL) == {}
    for value in range(16):
        assert lookup(added, value) == lookup(table, value)


def lookup(table: Table, value: int) -> int | None:
    address = Prefix(6, value, BITS[6])
    found = [(p.length, peer) for peer, ps in table.items() for p in ps if p.contains(address)]
    return max(found)[1] if found else None

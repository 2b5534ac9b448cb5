"""Entries as columns are the same entries."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshc.prefixes import Prefix
from meshc.topology.proof.entry_columns import EntryColumns

PREFIXES = st.builds(
    lambda family, value, length: Prefix(family, value << 8, length),
    st.sampled_from([4, 6]),
    st.integers(0, 3),
    st.integers(22, 24),
)


@given(st.lists(st.lists(PREFIXES, max_size=5), max_size=6))
def test_every_set_is_as_it_was(sets: list[list[Prefix]]) -> None:
    columns = EntryColumns.of(sets)
    assert columns.sets() == {n: some for n, some in enumerate(sets) if some}
    assert len(columns.begin) == len(sets) + 1
    assert {*columns.prefixes} == {p for some in sets for p in some}


@given(st.lists(st.lists(PREFIXES, max_size=5), max_size=6), st.integers(21, 25))
def test_what_is_chosen_stays_in_its_set(sets: list[list[Prefix]], longest: int) -> None:
    chosen = EntryColumns.of(sets).chosen(lambda prefix: prefix.length <= longest)
    left = [[p for p in some if p.length <= longest] for some in sets]
    assert chosen.sets() == {n: some for n, some in enumerate(left) if some}
    assert len(chosen.begin) == len(sets) + 1

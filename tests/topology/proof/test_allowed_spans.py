"""Painting spans shortest prefix first leaves the longest match in every atom."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from meshc.prefixes import Prefix
from meshc.topology.proof import allowed_spans
from meshc.topology.proof.allowed_spans import AllowedSpans, paint
from meshc.topology.proof.entry_columns import EntryColumns
from meshc.topology.proof.longest_match import longest

# prefixes of the last four bits: every address is an atom
PREFIXES = st.builds(
    lambda length, bits: Prefix(4, bits >> (32 - length) << (32 - length), length),
    st.integers(28, 32),
    st.integers(0, 15),
)


def atoms(prefix: Prefix) -> range:
    return range(prefix.value, prefix.last + 1)


@given(st.lists(st.lists(PREFIXES, max_size=4, unique=True), min_size=1, max_size=3))
def test_what_is_painted_is_the_longest_match(sets: list[list[Prefix]]) -> None:
    numbers = np.arange(len(sets), dtype=np.int32)
    spans = AllowedSpans(atoms, EntryColumns.of(sets), 4)
    lo, hi, _, who = spans.entries(numbers, numbers + 100)
    row = np.full(16, -1, np.int32)
    paint(row, lo, hi, who)
    for narrow in (0, 1, 3):  # spans that are written one by one, and the rest between them
        again = np.full(16, -1, np.int32)
        with patch.object(allowed_spans, "_NARROW", narrow):
            paint(again, lo, hi, who)
        assert again.tolist() == row.tolist()
    for address in range(16):
        best = longest([p for some in sets for p in some], 4, address)
        # of equal prefixes the last one counts, as in WireGuard
        owners = [n + 100 for n, some in enumerate(sets) if best in some]
        assert row[address] == (owners[-1] if best is not None else -1)

"""Finding numbers by a table is finding them by bisection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.topology.proof import sorted_index
from meshc.topology.proof.sorted_index import SortedIndex, kinds

SIZE = 40
COLUMNS = st.lists(st.integers(0, SIZE - 1), max_size=60)


@contextmanager
def room(of: int) -> Iterator[None]:
    """With this much room for a table: none, or more than is ever needed."""
    before, sorted_index._ROOM = sorted_index._ROOM, of
    try:
        yield
    finally:
        sorted_index._ROOM = before


@pytest.mark.parametrize("of", [0, 1000])
@given(COLUMNS, COLUMNS)
def test_each_is_found_or_not(of: int, values: list[int], wanted: list[int]) -> None:
    column = sorted(set(values))
    with room(of):
        found = SortedIndex(np.array(column, np.int64), SIZE).find(np.array(wanted, np.int64))
    assert found.tolist() == [column.index(w) if w in column else -1 for w in wanted]


@pytest.mark.parametrize("of", [0, 1000])
@given(COLUMNS)
def test_kinds_are_those_of_numpy(of: int, values: list[int]) -> None:
    column = np.array(values, np.int64)
    different, first, inverse = np.unique(column, return_index=True, return_inverse=True)
    with room(of):
        ours, which = kinds(column, SIZE)
    assert ours.tolist() == first.tolist()
    assert which.tolist() == inverse.tolist()
    assert column[ours].tolist() == different.tolist()

"""Overlaps, against comparing with every prefix."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshc.prefix_index import PrefixIndex
from meshc.prefixes import Prefix, mask


def prefixes() -> st.SearchStrategy[Prefix]:
    four = st.builds(
        lambda v, n: Prefix(4, mask(4, (10 << 24) + v, n), n),
        st.integers(0, 255),
        st.integers(6, 32),
    )
    six = st.builds(
        lambda v, n: Prefix(6, mask(6, (0xFD << 120) + v, n), n),
        st.integers(0, 255),
        st.integers(118, 128),
    )
    return four | six


@given(st.lists(st.tuples(prefixes(), st.integers(0, 3)), max_size=12), prefixes())
def test_overlapping(items: list[tuple[Prefix, int]], wanted: Prefix) -> None:
    index = PrefixIndex(items)
    expected = sorted(item for item in items if item[0].overlaps(wanted))
    assert expected == sorted(index.overlapping(wanted))
    assert bool(expected) == index.overlaps(wanted)


def test_wider_ones_come_first() -> None:
    items = [
        (Prefix.parse(p), p) for p in ("10.0.0.0/24", "10.0.0.0/8", "10.0.0.64/26", "10.0.0.1")
    ]
    found = [label for _, label in PrefixIndex(items).overlapping(Prefix.parse("10.0.0.0/24"))]
    assert found == ["10.0.0.0/8", "10.0.0.0/24", "10.0.0.1", "10.0.0.64/26"]

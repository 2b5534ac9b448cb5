"""Bytes of a file to text that YAML may hold."""

from __future__ import annotations

import pytest

from meshc.diagnostics import Diagnostics
from meshc.topology.language.read.source_text import MAX_BYTES, decode_source, readable


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert decode_source(b"\xef\xbb\xbfa: 1", "f", Diagnostics()) == "a: 1"


def test_what_is_too_large_is_not_decoded() -> None:
    diagnostics = Diagnostics()
    assert decode_source(b"#" * (MAX_BYTES + 1), "f", diagnostics) is None
    assert [found.code for found in diagnostics] == ["E102"]


@pytest.mark.parametrize(
    ("text", "column"), [("a: \x1b[2J", 4), ("ab\0", 3), ("é\ufeff", 2), ("\ud800", 1)]
)
def test_what_cannot_be_seen_is_refused_where_it_stands(text: str, column: int) -> None:
    diagnostics = Diagnostics()
    assert not readable(f"# é\n{text}", "f", diagnostics)
    (found,) = diagnostics
    assert (found.code, found.location.line, found.location.column) == ("E101", 2, column)


def test_text_of_all_languages_is_readable() -> None:
    assert readable("# Zürich 東京 \U0001f600\tß", "f", Diagnostics())

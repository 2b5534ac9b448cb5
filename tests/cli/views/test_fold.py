"""Folding: nothing is wider than it may be, and nothing is lost or broken that is copied."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.cli.views.fold import fold, fold_cell, narrowest, shown, terminal_width

WORDS = st.lists(st.text("ab.:-", min_size=1, max_size=12), min_size=1, max_size=30)


@given(WORDS, st.integers(0, 4), st.integers(24, 80))
def test_no_line_is_too_wide_and_no_word_is_lost(words: list[str], indent: int, width: int) -> None:
    text = " " * indent + " ".join(words)
    lines = fold(text, width).split("\n")
    assert max(map(len, lines)) <= width
    assert [word for line in lines for word in line.split()] == words
    assert all(line.startswith(" " * (indent + 2)) for line in lines[1:])


def test_what_fits_stays_as_it_is() -> None:
    text = "a   table  of   columns\n\n  and a line"
    assert fold(text, 24) == text


def test_what_is_copied_is_one_word() -> None:
    assert fold("   run `wg-quick up wg0` (meshc validate --explain W220)", 30) == (
        "   run `wg-quick up wg0`\n     (meshc validate --explain W220)"
    )


def test_a_word_that_is_too_wide_stays_whole() -> None:
    key = "k" * 44
    assert fold(f"  {key} is revoked", 30) == f"  {key}\n    is revoked"


def test_colours_take_no_columns() -> None:
    assert shown("\x1b[31mred\x1b[0m") == 3
    red = " ".join(["\x1b[31mred\x1b[0m"] * 5)
    assert fold(red, 19) == red


def test_an_endpoint_is_folded_behind_its_marks() -> None:
    text = "public-server1.example-vpn.dev:51820"
    assert fold_cell(text, 16, inside=True) == ["public-server1.", "example-vpn.dev:", "51820"]
    assert narrowest(text, inside=True) == len("example-")
    assert fold_cell(text, 16, inside=False) == [text]
    assert narrowest(text, inside=False) == len(text)


@given(WORDS, st.integers(8, 40))
def test_a_cell_is_no_wider_than_its_narrowest(words: list[str], width: int) -> None:
    text = " ".join(words)
    for inside in (False, True):
        most = max(width, narrowest(text, inside=inside))
        lines = fold_cell(text, most, inside=inside)
        assert max(map(len, lines)) <= most
        assert "".join(lines).replace(" ", "") == "".join(words)


def test_the_width_is_what_columns_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "57")
    assert terminal_width() == 57

"""Values in messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.keys import PrivateKey
from meshc.secret import without_keys
from meshc.topology.language.wording import MOST, describe, listing, quote, suggest


@given(st.text())
def test_a_quoted_text_is_short_printable_and_on_one_line(text: str) -> None:
    shown = quote(text)
    assert shown.isprintable()
    assert shown[0] == shown[-1] == "'"
    if text.isprintable() and len(text) <= MOST and without_keys(text) == text:
        assert shown == f"'{text}'"


def test_a_key_in_the_wrong_place_is_not_quoted() -> None:
    raw = bytes(range(200, 232))
    for key in (PrivateKey(raw).reveal(), raw.hex()):
        assert quote(key) == "'(redacted)'"
        assert key[:12] not in describe(f"key {key}")


def test_what_cannot_be_seen_is_escaped() -> None:
    assert quote("a\nb\x1b\u202e") == r"'a\nb\x1b\u202e'"
    assert quote("x" * 100) == "'" + "x" * 59 + "…'"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "nothing"),
        (True, "the truth value true"),
        (5, "the number 5"),
        (1.5, "the number 1.5"),
        ("a", "the text 'a'"),
        ([], "a list"),
        ({}, "a mapping"),
    ],
)
def test_describe(value: object, words: str) -> None:
    assert describe(value) == words


@pytest.mark.parametrize(
    ("word", "known", "said"),
    [
        ("laptpo", ["laptop", "phone"], "did you mean 'laptop'?"),
        ("Listen-Port", ["listen_port"], "did you mean 'listen_port'?"),
        ("zzz", ["laptop"], ""),
        ("x" * 61, ["x" * 61], ""),
        ("a", [], ""),
    ],
)
def test_suggest(word: str, known: list[str], said: str) -> None:
    assert suggest(word, known) == said


def test_listing() -> None:
    assert listing([]) == ""
    assert listing(["a"]) == "a"
    assert listing(["a", "b", "c"], "or") == "a, b or c"
    assert listing([str(n) for n in range(20)]).endswith("10, 11 and 8 more")

"""What has no place in an output is refused, and never repeated."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.errors import Refused
from meshc.render.escape import ini, routeros_word, uci_word


@pytest.mark.parametrize("value", ["a", "a b", 'x"y', "ä", 7, "%i $(x) `y`"])
def test_what_fits_is_written_as_it_is(value: object) -> None:
    assert ini(value) == str(value)


@pytest.mark.parametrize("value", ["a\nb", "a#b", "\r", "\0", "\x7f", "\u2028", "\x85"])
def test_what_does_not_fit_is_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(Refused, match="E510") as caught:
        ini(value)
    assert value not in str(caught.value)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20))
def test_quoting(text: str) -> None:
    assert shlex.split(uci_word(text)) == [text]
    word = routeros_word(text)
    assert word[0] == word[-1] == '"'
    inside = word[1:-1]
    for escaped in ("\\\\", '\\"', "\\$", "\\?"):
        inside = inside.replace(escaped, "")
    assert not set(inside) & set('"$?\\')

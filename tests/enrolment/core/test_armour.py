"""Armour: a line survives what mail and chat do to it, and says so when it did not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.enrolment.core.armour import armoured, kind_of, unarmoured


@given(st.binary(min_size=1, max_size=300), st.integers(1, 80))
def test_a_line_comes_back_also_folded(body: bytes, width: int) -> None:
    line = armoured("answer", body)
    folded = "\r\n ".join(line[at : at + width] for at in range(0, len(line), width))
    assert unarmoured("answer", folded, 300) == body
    assert kind_of(line) == "answer"


@given(st.binary(min_size=8, max_size=60), st.data())
def test_what_was_cut_or_mistyped_is_none(body: bytes, data: st.DataObject) -> None:
    line = armoured("answer", body)
    at = data.draw(st.integers(line.index(".") + 1, len(line) - 1))
    other = data.draw(st.sampled_from([c for c in "AZaz09-_" if c != line[at]]))
    changed = line[:at] + other + line[at + 1 :]
    found = unarmoured("answer", changed, 300)
    assert isinstance(found, str) or found == body  # the last letter has bits that say nothing
    assert isinstance(unarmoured("answer", line[:at], 300), str)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not one"),
        ("hello", "not one"),
        ("meshc-request-1.AAAA", "not one"),
        ("meshc-answer-2.AAAA", "version 2"),
        ("meshc-answer-1.", "not all there"),
        ("meshc-answer-1.A", "not all there"),
        ("meshc-answer-1.AAAA", "not all there"),
        ("meshc-answer-1." + "A" * 9000, "too long"),
    ],
)
def test_each_mistake_has_its_word(text: str, why: str) -> None:
    found = unarmoured("answer", text, 300)
    assert isinstance(found, str)
    assert why in found


def test_a_body_that_is_longer_than_allowed() -> None:
    assert unarmoured("answer", armoured("answer", bytes(301)), 300) == "it is too long"


@given(st.text(max_size=80))
def test_nothing_raises(text: str) -> None:
    kind_of(text)
    assert isinstance(unarmoured("answer", f"meshc-answer-1.{text}", 300), bytes | str)

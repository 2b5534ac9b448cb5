"""Fields from outside: bounded, of the right kind, or bad."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.enrolment.core.told_fields import packed, told_fields
from tests.support.wire import private_key


def test_what_is_right_is_read() -> None:
    key = private_key("a").public_key()
    fields = told_fields(packed({"a": "text", "n": 7, "k": key, "o": {"b": "in"}}))
    assert fields is not None
    inner = fields.inner("o")
    assert (fields.text("a"), fields.number("n"), fields.key("k")) == ("text", 7, key)
    assert inner is not None
    assert inner.text("b") == "in"
    assert (fields.text("missing"), fields.number("missing"), fields.inner("x")) == ("", 0, None)
    assert not fields.bad


@pytest.mark.parametrize("value", [7, None, [], "a\nb", "a\x1b[2J", "x" * 256])
def test_a_text_that_is_none(value: object) -> None:
    fields = told_fields(packed({"a": value}))
    assert fields is not None
    assert fields.text("a") == ""
    assert fields.bad


@pytest.mark.parametrize("value", ["7", True, -1, 1 << 60, 1.5, None])
def test_a_number_that_is_none(value: object) -> None:
    fields = told_fields(packed({"a": value}))
    assert fields is not None
    assert fields.number("a") == 0
    assert fields.bad


def test_a_key_and_an_object_that_are_none() -> None:
    for read in ("key", "inner"):
        fields = told_fields(packed({"a": "no"}))
        assert fields is not None
        getattr(fields, read)("a")
        assert fields.bad


def test_lines_are_allowed_where_files_are() -> None:
    fields = told_fields(packed({"a": "one\ntwo"}))
    assert fields is not None
    assert fields.text("a", printable=False) == "one\ntwo"


@given(st.binary(max_size=60))
def test_nothing_raises(body: bytes) -> None:
    told_fields(body)


def test_depth_does_not_raise() -> None:
    assert told_fields(b"[" * 100_000) is None

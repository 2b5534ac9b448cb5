"""What travels between a lab and its client is what was sent, or is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.lab.world.value_json import from_json, to_json


@dataclass(frozen=True)
class Inner:
    number: int
    share: float = 0.5


@dataclass(frozen=True)
class Outer:
    name: str
    inner: tuple[Inner, ...]
    pair: tuple[str, int] | None = None
    table: Mapping[str, Inner | None] | None = None
    flag: bool = False


@settings(deadline=None)
@given(st.from_type(Outer))
def test_a_value_comes_back_as_it_was(value: Outer) -> None:
    written = to_json(value)
    back = from_json(Outer, json.loads(json.dumps(written)))
    assert isinstance(back, Outer)
    assert repr(to_json(back)) == repr(written)  # as text: not a number is equal to nothing


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        pytest.param(Inner, {"number": "1"}, id="text for a number"),
        pytest.param(Inner, {"number": True}, id="a truth for a number"),
        pytest.param(Inner, {}, id="a field missing"),
        pytest.param(Inner, {"number": 1, "more": 2}, id="a field too many"),
        pytest.param(Inner, [1], id="a list for an object"),
        pytest.param(tuple[int, ...], [1, "2"], id="one of the list is wrong"),
        pytest.param(tuple[str, int], ["a"], id="a pair of one"),
        pytest.param(int | None, "x", id="none of both"),
        pytest.param(object, {}, id="a type that does not travel"),
    ],
)
def test_what_is_of_another_kind_is_refused(kind: Any, data: object) -> None:
    with pytest.raises(ValueError, match=r"is|missing|has"):
        from_json(kind, data)


def test_a_whole_number_is_a_float_where_one_is_meant() -> None:
    assert from_json(Inner, {"number": 1, "share": 2}) == Inner(1, 2.0)


@pytest.mark.parametrize("value", [b"raw", {1: 2}, {"a": object()}, [1]])
def test_what_cannot_be_written_is_not(value: object) -> None:
    with pytest.raises(TypeError):
        to_json(value)

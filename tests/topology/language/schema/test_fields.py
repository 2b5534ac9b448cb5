"""Reading sections: all mistakes at once, each at its place."""

from __future__ import annotations

import pytest

from meshc.topology.language.schema.fields import (
    Field,
    KeySection,
    MissingKey,
    Mistakes,
    UnknownKey,
    many,
    named,
    nested,
    one,
)
from meshc.topology.language.schema.scalars import Mistake, boolean, integer, name

INNER = KeySection(
    "Inner", "", {"port": Field(one(integer(1, 9)), ""), "on": Field(one(boolean), "")}
)
OUTER = KeySection(
    "Outer",
    "",
    {
        "must": Field(one(name), "", required=True),
        "names": Field(many(name, {}), ""),
        "inner": Field(nested(INNER), ""),
        "table": Field(named(INNER), ""),
    },
)


def mistakes(value: object) -> list[tuple[object, str]]:
    return [(found.where, found.mistake.code) for found in OUTER.read(value)[1]]


def test_what_is_right_comes_out_as_it_is_read() -> None:
    given = {"must": "a", "names": "a, b", "inner": {"port": 3}, "table": {"x": {"on": True}}}
    assert OUTER.read(given) == ({**given, "names": ["a", "b"]}, [])


def test_all_mistakes_come_at_once_and_what_is_right_stays() -> None:
    given = {
        "names": ["?", "b", 5],
        "inner": {"port": 0, "on": "yes", "off": 1},
        "table": {"x": {"port": 10}, "y": 3, "z": {"port": 5}},
        "nonsense": 1,
    }
    read, found = OUTER.read(given)
    assert read == {}
    assert [place.where for place in found] == [
        ("names", 0), ("names", 2),
        ("inner", "port"), ("inner", "on"), ("inner", "off"),
        ("table", "x", "port"), ("table", "y"),
        ("nonsense",),
        ("must",),
    ]  # fmt: skip
    assert OUTER.read({"must": "a", "names": 5})[0] == {"must": "a"}


def test_an_unknown_key_knows_its_section() -> None:
    (place,) = OUTER.read({"must": "a", "inner": {"prot": 1}})[1]
    assert isinstance(place.mistake, UnknownKey)
    assert place.mistake.known == ("port", "on")


def test_a_missing_key() -> None:
    (place,) = OUTER.read({})[1]
    assert isinstance(place.mistake, MissingKey)
    assert place.where == ("must",)


@pytest.mark.parametrize("value", [None, 5, "x", [], True])
def test_not_a_section(value: object) -> None:
    assert mistakes(value) == [((), "E112")]
    assert mistakes({"must": "a", "inner": value}) == [(("inner",), "E112")]
    assert mistakes({"must": "a", "table": value}) == [(("table",), "E112")]


@pytest.mark.parametrize(
    ("value", "items"),
    [(["a", "b"], ["a", "b"]), ("a, b", ["a", "b"]), ("a", ["a"]), ([], [])],
)
def test_lists(value: object, items: list[str]) -> None:
    assert many(name, {}).read(value) == items


@pytest.mark.parametrize("value", ["", " , ", None, 5, {"a": 1}, True])
def test_not_lists(value: object) -> None:
    with pytest.raises(Mistake):
        many(name, {}).read(value)


def test_mistakes_tell_how_many_they_are() -> None:
    with pytest.raises(Mistakes, match="2 mistakes"):
        many(name, {}).read(["?", "!"])

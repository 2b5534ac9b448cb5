"""YAML 1.2 with places."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from meshc.diagnostics import Diagnostics, Location
from meshc.topology.language.read.source_text import MAX_BYTES
from meshc.topology.language.read.yaml_reader import parse_source, resolve_scalar


def parse(text: str) -> Any:
    diagnostics = Diagnostics()
    source = parse_source(text, "f.yaml", diagnostics)
    assert source is not None, list(diagnostics)
    return source


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("off", "off"), ("y", "y"),
        ("true", True), ("False", False), ("tRUE", "tRUE"),
        ("22:22", "22:22"), ("1:30:00", "1:30:00"), ("2001-12-14", "2001-12-14"),
        ("0o17", 15), ("017", 17), ("0x1F", 31), ("0b11", "0b11"), ("1_000", "1_000"),
        ("-5", -5), ("+5", 5), ("1.5", 1.5), (".5", 0.5), ("1e3", 1000.0), ("1.1.1.1", "1.1.1.1"),
        ("null", None), ("~", None), ("", None), ("Null", None), ("none", "none"),
        ("=", "="), ("<<", "<<"), (".", "."), ("-", "-"), ("0x", "0x"), ("e5", "e5"),
        ("9" * 41, "9" * 41),
    ],
)  # fmt: skip
def test_core_schema(text: str, value: object) -> None:
    """YAML 1.2.2 section 10.3.2; the types must agree too, as `True == 1`."""
    found = resolve_scalar(text)
    assert found == value
    assert type(found) is type(value)


def test_quoted_scalars_are_text() -> None:
    source = parse("[\"1\", '2', !!str 3, ! 4]")
    assert source.data == ["1", "2", "3", "4"]


def test_keys_are_text_as_written() -> None:
    assert parse("{no: 1, 7: 2, null: 3, 'a b': 4}").data == {"no": 1, "7": 2, "null": 3, "a b": 4}


def test_aliases_repeat_values() -> None:
    source = parse("a: &x [1, 2]\nb: *x\nc: &y text\nd: *y\n")
    assert source.data == {"a": [1, 2], "b": [1, 2], "c": "text", "d": "text"}
    assert source.locate(("b", 1)) == Location("f.yaml", 1, 11)


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert parse("\ufeffa: 1").data == {"a": 1}


@pytest.mark.parametrize(
    ("path", "key", "place"),
    [
        (("nodes", "hub", "endpoint"), False, (3, 15)),
        (("nodes", "hub", "endpoint"), True, (3, 5)),
        (("nodes", "hub"), False, (2, 3)),
        (("nodes", "hub", "routes", 1), False, (6, 9)),
        (("nodes", "hub", "routes", 7), False, (4, 5)),
        (("nodes", "hub", "absent"), False, (2, 3)),
        (("nodes", "é", "mtu"), False, (7, 12)),
        ((), False, (1, 1)),
    ],
)
def test_places(path: tuple[str | int, ...], key: bool, place: tuple[int, int]) -> None:
    text = (
        "nodes:\n  hub:\n    endpoint: vpn\n    routes:\n      - 10.0.0.0/8\n      - 11.0.0.0/8\n"
        "  é: {mtu: 1400}\n"
    )
    assert parse(text).locate(path, key=key) == Location("f.yaml", *place)


def test_a_file_that_is_too_large_is_not_read() -> None:
    diagnostics = Diagnostics()
    assert parse_source("#" * (MAX_BYTES + 1), "f", diagnostics) is None
    assert {found.code for found in diagnostics} == {"E102"}


def test_many_values_without_aliases_are_too_large() -> None:
    diagnostics = Diagnostics()
    assert parse_source("[" + "1," * 2_000_001 + "]", "f", diagnostics) is None
    assert [found.code for found in diagnostics] == ["E102"]


def test_a_lone_surrogate_is_refused() -> None:
    """It cannot be written to a file, so it would end in an exception much later."""
    diagnostics = Diagnostics()
    assert parse_source("a: \ud800", "f", diagnostics) is None
    assert [found.code for found in diagnostics] == ["E101"]


def test_the_value_of_a_second_key_is_not_read() -> None:
    diagnostics = Diagnostics()
    source = parse_source("a: 1\na: {b: [2]}\nc: 3\n", "f", diagnostics)
    assert source is not None
    assert source.data == {"a": 1, "c": 3}
    assert [found.code for found in diagnostics] == ["E103"]


def test_merge_keys_take_over_what_a_mapping_has_not_itself() -> None:
    """With the place where each key was written."""
    source = parse("x: &b {a: 1, b: 2}\ny:\n  b: 3\n  <<: *b\n")
    assert source.data["y"] == {"a": 1, "b": 3}
    assert source.locate(("y", "a")) == Location("f.yaml", 1, 11)
    assert source.locate(("y", "b")) == Location("f.yaml", 3, 6)


def test_a_quoted_merge_key_is_a_word() -> None:
    assert parse("{'<<': 1}").data == {"<<": 1}


@pytest.mark.parametrize("value", ["1", "[]", "text", "[*b, 1]", "", "[[*b]]"])
def test_a_merge_of_something_else_is_refused(value: str) -> None:
    diagnostics = Diagnostics()
    assert parse_source(f"x: &b {{a: 1}}\ny:\n  <<: {value}\n", "f", diagnostics) is None
    assert [(found.code, found.location.line) for found in diagnostics] == [("E105", 3)]


def test_a_second_merge_key_is_a_key_given_twice() -> None:
    diagnostics = Diagnostics()
    source = parse_source("x: &b {a: 1}\ny: {<<: *b, c: 1, <<: *b}\n", "f", diagnostics)
    assert source is not None
    assert source.data["y"] == {"a": 1, "c": 1}
    assert [found.code for found in diagnostics] == ["E103"]


mappings = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9), min_size=1)


@given(st.lists(mappings, min_size=1, max_size=4), st.data())
def test_merges_mean_what_pyyaml_takes_them_for(bases: list[dict[str, int]], data: Any) -> None:
    lines = []
    for number, base in enumerate(bases):
        parents = data.draw(st.lists(st.integers(0, number - 1), max_size=3)) if number else []
        merge = f"<<: [{', '.join(f'*m{one}' for one in parents)}]" if parents else ""
        pairs = [f"{key}: {value}" for key, value in base.items()]
        pairs.insert(data.draw(st.integers(0, len(pairs))), merge)
        lines.append(f"n{number}: &m{number} {{{', '.join(filter(None, pairs))}}}")
    text = "\n".join(lines)
    assert parse(text).data == yaml.safe_load(text)

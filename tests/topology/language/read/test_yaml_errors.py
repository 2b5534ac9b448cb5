"""What the parser says, translated: each known cause, through both parsers."""

from __future__ import annotations

import pytest
import yaml

from meshc.diagnostics import Diagnostics
from meshc.topology.language.read.yaml_errors import explain_yaml_error
from meshc.topology.language.read.yaml_reader import parse_source

CASES = [
    ("a: b: c", (1, 5), "a `:` stands where no key is expected"),
    ("a: {b: 1\nc: 2", (2, 2), "a `,` or the closing `}` is missing; it was opened in line 1"),
    ("a: [b\nc: 2]: {", (2, 6), None),
    ("a:\n  b: 1\n c: 2", (3, 2), "this line is indented unlike the ones before it"),
    ("a:\n\tb: 1", (2, 1), "a tab is used as indentation"),
    ('a: "b', (1, 6), "the file ends inside a quoted text"),
    ('a: "\\q"', (1, 5), "an unknown escape after `\\` in a quoted text"),
    ("a: @b", (1, 4), "this character cannot start a value"),
    ("a: 1\nb\nc: 2", (3, 1), "a key without its `:`"),
]


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(("text", "place", "message"), CASES, ids=[c[0][:12] for c in CASES])
def test_known_causes(
    text: str,
    place: tuple[int, int],
    message: str | None,
    compiled: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(yaml, "__with_libyaml__", compiled and yaml.__with_libyaml__)
    diagnostics = Diagnostics()
    assert parse_source(text, "f", diagnostics) is None
    (found,) = diagnostics
    assert found.hint
    if message is not None:
        assert found.message == message
        assert found.location is not None
        assert found.location.line == place[0]


def test_an_error_without_a_place() -> None:
    place, message, hint = explain_yaml_error(yaml.YAMLError("boom"), "")
    assert place == (1, 1)
    assert message
    assert hint


def test_words_of_the_parser_are_kept_when_nothing_is_known() -> None:
    mark = yaml.Mark("f", 0, 4, 2, None, None)
    _, message, _ = explain_yaml_error(
        yaml.MarkedYAMLError(problem="found a strange thing", problem_mark=mark), "a\n" * 9
    )
    assert message == "not well-formed YAML: found a strange thing"

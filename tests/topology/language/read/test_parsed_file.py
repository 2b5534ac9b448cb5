"""Where everything in a document stands, also after a way through another process."""

from __future__ import annotations

import pickle

import pytest

from meshc.diagnostics import Diagnostics, Location
from meshc.topology.language.read.parsed_file import ParsedFile, Path
from meshc.topology.language.read.yaml_reader import parse_source

TEXT = """\
nodes:
  a: {via: [b, c]}
  b:
    endpoint: x
groups: {g: [a]}
"""


def source() -> ParsedFile:
    read = parse_source(TEXT, "f", Diagnostics())
    assert read is not None
    return read


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ((), (1, 1)),
        (("nodes",), (1, 1)),
        (("nodes", "a", "via"), (2, 7)),
        (("nodes", "a", "via", 1), (2, 16)),
        (("nodes", "b", "endpoint"), (4, 15)),
        (("nodes", "b", "endpoint", "nothing"), (4, 15)),
        (("groups", "g", "members", 0), (5, 14)),
        (("nodes", "z"), (1, 1)),
    ],
)
@pytest.mark.parametrize("travelled", [False, True])
def test_the_deepest_value_on_the_way(path: Path, place: tuple[int, int], travelled: bool) -> None:
    read = pickle.loads(pickle.dumps(source())) if travelled else source()
    assert read.locate(path) == Location("f", *place)


def test_a_key_stands_before_its_value() -> None:
    assert source().locate(("nodes", "b", "endpoint"), key=True) == Location("f", 4, 5)


def test_steps_of_forms_that_the_file_does_not_use_are_left_out() -> None:
    assert source().actual(("groups", "g", "members", 0)) == ("groups", "g", 0)
    assert source().actual(("nodes", "b", "endpoint", 0)) == ("nodes", "b", "endpoint")

"""Where a value of a YAML text begins and ends."""

from __future__ import annotations

import pytest

from meshc.topology.language.edit.layout_tree import LayoutTree

TEXT = "a:\n  b: [1, 'two']   # why\n\n  # about c\n  c:\n    d: >\n      x\n    e: {}\nf:\n"


@pytest.mark.parametrize(
    ("path", "extent"),
    [
        (("a", "b"), "[1, 'two']"),
        (("a", "b", 1), "'two'"),
        (("a", "c", "e"), "{}"),
        (("a", "c"), "d: >\n      x\n    e: {}"),
        (("a",), "b: [1, 'two']   # why\n\n  # about c\n  c:\n    d: >\n      x\n    e: {}"),
        (("f",), ""),
    ],
)
def test_an_extent_holds_the_value_and_no_comment_behind_it(
    path: tuple[str | int, ...], extent: str
) -> None:
    tree = LayoutTree(TEXT)
    node = tree.find(path)
    assert node is not None
    assert TEXT[tree.start(node) : tree.end(node)] == extent


def test_what_is_not_there_is_none() -> None:
    tree = LayoutTree(TEXT)
    assert tree.find(("a", "x")) is None
    assert tree.find(("a", "b", 2)) is None
    assert tree.find(("f", "g")) is None
    assert LayoutTree("").find(("a",)) is None


def test_lines_are_whole() -> None:
    tree = LayoutTree(TEXT)
    at = TEXT.index("two")
    assert TEXT[tree.line_start(at) : tree.line_end(at)] == "  b: [1, 'two']   # why\n"
    assert tree.line_end(len(TEXT)) == len(TEXT)

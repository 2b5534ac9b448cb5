"""Single changes of a text; `test_edited.py` holds what they say against an oracle."""

from __future__ import annotations

import pytest

from meshc.topology.language.edit.text_edit import add_entry, add_item, set_key, take_out


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("nodes: {a: {}}", "nodes: {a: {k: 1}}"),
        ("nodes: {a: {b: 2}}", "nodes: {a: {k: 1, b: 2}}"),
        ("nodes: {a: {k: 0}}", "nodes: {a: {k: 1}}"),
        ("nodes:\n  a:   # who\n", "nodes:\n  a: {k: 1}   # who\n"),
        ("nodes:\n  a:\n    # why\n    b: 2\n", "nodes:\n  a:\n    # why\n    k: 1\n    b: 2\n"),
        ("nodes: {b: {}}", None),
        ("nodes: {a: text}", None),
    ],
)
def test_set_key(text: str, changed: str | None) -> None:
    assert set_key(text, ("nodes", "a"), "k", "1") == changed


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("nodes:\n  a: {}  # x\n# end\n", "nodes:\n  a: {}  # x\n  n: {k: 1}\n# end\n"),
        ("nodes:\n    a: {}", "nodes:\n    a: {}\n    n: {k: 1}\n"),
        ("nodes: {a: {}, }\n", "nodes: {a: {}, n: {k: 1}}\n"),
        ("nodes: [a]\n", None),
    ],
)
def test_add_entry(text: str, changed: str | None) -> None:
    assert add_entry(text, "nodes", "n", "{k: 1}") == changed


@pytest.mark.parametrize(
    ("text", "path", "changed"),
    [
        ("a: [1, 2, 3]\n", ("a", 0), "a: [2, 3]\n"),
        ("a: [1, 2, 3]\n", ("a", 2), "a: [1, 2]\n"),
        ("a: [1]\n", ("a", 0), "a: []\n"),
        ("a:\n- 1\n- 2  # two\n", ("a", 1), "a:\n- 1\n"),
        ("a:\n  - x: 1\n    y: 2\n", ("a", 0, "y"), "a:\n  - x: 1\n"),
        ("a:\n  - x: 1\n    y: 2\n", ("a", 0, "x"), None),
        ("a: {b: 1, c: 2}\n", ("a", "c"), "a: {b: 1}\n"),
        ("a:\n  b: 1\nc: 2\n", ("a", "b"), "a: {}\nc: 2\n"),
        ("a: 1\n", ("b",), None),
    ],
)
def test_take_out(text: str, path: tuple[str | int, ...], changed: str | None) -> None:
    assert take_out(text, path) == changed


def test_an_item_comes_to_the_end_of_a_list_and_to_nothing_else() -> None:
    assert add_item("a: [x]  # c\n", ("a",), "y") == "a: [x, y]  # c\n"
    assert add_item("a:\n  - x  # c\n", ("a",), "y") == "a:\n  - x  # c\n  - y\n"
    assert add_item("a: x\n", ("a",), "y") is None
    assert add_item("a: [x]\n", ("b",), "y") is None

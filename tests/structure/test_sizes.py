"""No file and no function is longer than a reader can hold."""

from __future__ import annotations

from pathlib import Path

from tests.structure.source_tree import SOURCE, TESTS, functions, lines, modules, relative

MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 50


def everything() -> tuple[Path, ...]:
    return (*modules(SOURCE), *modules(TESTS))


def test_no_file_is_too_long() -> None:
    long = {relative(path): lines(path) for path in everything()}
    assert {path: n for path, n in long.items() if n > MOST_LINES_OF_A_FILE} == {}


def test_no_function_is_too_long() -> None:
    long = {
        f"{relative(path)}: {name}": length
        for path in everything()
        for name, length in functions(path)
        if length > MOST_LINES_OF_A_FUNCTION
    }
    assert long == {}

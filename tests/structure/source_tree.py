"""The source tree, as the checks of this directory look at it: files, lines, classes, functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = ROOT / "meshc"
TESTS = ROOT / "tests"


@cache
def modules(tree: Path = SOURCE) -> tuple[Path, ...]:
    """Every module below a directory. Never empty: a check of nothing would hold for ever."""
    found = tuple(sorted(tree.rglob("*.py")))
    assert found, f"no module below {tree}"
    return found


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def public_classes(path: Path) -> Iterator[str]:
    for statement in parsed(path).body:
        if isinstance(statement, ast.ClassDef) and not statement.name.startswith("_"):
            yield statement.name


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """(name, lines) of each function and method, decorators not counted."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None, "parsed from text"
            yield node.name, node.end_lineno - node.lineno + 1


def statements(path: Path) -> list[ast.stmt]:
    """What a module does, without its docstring."""
    body = parsed(path).body
    first = body[0] if body else None
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return body[1:] if documented else body

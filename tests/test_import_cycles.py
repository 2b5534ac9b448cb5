"""No module imports itself through others, in annotations included."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
Graph = Mapping[str, frozenset[str]]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.Module) -> Iterator[str]:
    """Everything that a module names in an import, wherever it stands: in a function and under
    TYPE_CHECKING as well. `from a import b` is `a.b` where that is a module, else `a`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                yield f"{node.module}.{alias.name}"


def import_graph(sources: Mapping[str, str]) -> Graph:
    """Which of the modules each one imports by name. A package does not count as imported when one
    of its modules is."""
    graph: dict[str, frozenset[str]] = {}
    for name, text in sources.items():
        found = set()
        for wanted in imported(ast.parse(text)):
            target = wanted if wanted in sources else wanted.rpartition(".")[0]
            if target in sources and target != name:
                found.add(target)
        graph[name] = frozenset(found)
    return graph


def cycles(graph: Graph) -> list[tuple[str, ...]]:
    """The groups of modules that import each other, by Tarjan's algorithm."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[tuple[str, ...]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            at = stack.index(name)
            group = tuple(sorted(stack[at:]))
            del stack[at:]
            if len(group) > 1:
                found.append(group)

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return sorted(found)


def sources() -> dict[str, str]:
    return {module_name(path): path.read_text() for path in sorted((ROOT / "meshc").rglob("*.py"))}


def test_the_modules_of_meshc_import_each_other_in_no_circle() -> None:
    graph = import_graph(sources())
    assert len(graph) > 300
    assert cycles(graph) == []


def test_a_planted_circle_is_found() -> None:
    planted = {
        "m": "",
        "m.a": "from m.b import x",
        "m.b": "def f():\n    from m import c",
        "m.c": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import m.a",
        "m.d": "import m.a",
    }
    assert cycles(import_graph(planted)) == [("m.a", "m.b", "m.c")]

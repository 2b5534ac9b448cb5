"""The path matrix: how each node reaches each other; of many, one row for nodes that are alike.

Two nodes are alike when they reach everybody else, and are reached, in the same way. A row stands
for all of them, and its own column says how they reach each other. Columns that do not fit beside
each other follow below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from meshc.cli.views.page import Page, Piece, Styled

Cell = Callable[[int, int], Piece]
"""How node i reaches node j, both by index: one piece of a few characters."""

WIDTH = 80
"""What a matrix may take: a terminal as everybody has it, also where nobody asks for its size."""

MOST_NAMED = 16
"""Up to here every node has a row of its own."""

_CORNER = "from \\ to"
_LONGEST_NAME = 40


class AlikeNodes(NamedTuple):
    """Nodes by index that a matrix need not tell apart."""

    members: tuple[int, ...]

    @property
    def first(self) -> int:
        return self.members[0]


def alike(count: int, cell: Cell) -> list[AlikeNodes]:
    """Groups `count` nodes, in the order of their first members."""
    cells = [[cell(a, b) for b in range(count)] for a in range(count)]
    columns = list(zip(*cells, strict=True))
    groups: list[list[int]] = []
    for node in range(count):
        for group in groups:
            first = group[0]
            inner = cells[first][group[1]] if len(group) > 1 else cells[first][node]
            if (
                cells[first][node] == cells[node][first] == inner
                and _same(cells[first], cells[node], first, node)
                and _same(columns[first], columns[node], first, node)
            ):
                group.append(node)
                break
        else:
            groups.append([node])
    return [AlikeNodes(tuple(group)) for group in groups]


def _same(one: Sequence[Piece], other: Sequence[Piece], a: int, b: int) -> bool:
    """Equal but for what they say of a and b."""
    low, high = min(a, b), max(a, b)
    return (
        one[:low] == other[:low]
        and one[low + 1 : high] == other[low + 1 : high]
        and one[high + 1 :] == other[high + 1 :]
    )


def print_path_matrix(page: Page, names: Sequence[str], cell: Cell) -> None:
    """One line a node, or a group of them where they are many; as many columns as fit into WIDTH,
    then the rest in the same way."""
    few = len(names) <= MOST_NAMED
    groups = [AlikeNodes((n,)) for n in range(len(names))] if few else alike(len(names), cell)
    labels = [f"{n} {_label(names, group)}" for n, group in enumerate(groups, 1)]
    head = max(len(_CORNER), *map(len, labels))
    rows = [[_between(one, other, cell) for other in groups] for one in groups]
    wide = max(len(str(len(groups))), *(len(_text(piece)) for row in rows for piece in row)) + 1
    fit = max(1, (WIDTH - head) // wide)
    for start in range(0, len(groups), fit):
        part = range(start, min(start + fit, len(groups)))
        if start:
            page.line()
        numbers = "".join(f"{number + 1:>{wide}}" for number in part)
        page.line(Styled(f"{_CORNER:<{head}}{numbers}", "bold"))
        for label, row in zip(labels, rows, strict=True):
            pieces: list[Piece] = [f"{label:<{head}}"]
            for number in part:
                piece = row[number]
                pieces += [" " * (wide - len(_text(piece))), piece]
            page.line(*pieces)


def _between(one: AlikeNodes, other: AlikeNodes, cell: Cell) -> Piece:
    """How members of the first reach those of the second; nothing for a node and itself."""
    if one == other:
        return cell(*one.members[:2]) if len(one.members) > 1 else ""
    return cell(one.first, other.first)


def _label(names: Sequence[str], group: AlikeNodes) -> str:
    first = _short(names[group.first])
    more = len(group.members) - 1
    return first if not more else f"{first} and {more} more"


def _short(name: str) -> str:
    """A long name keeps both ends: names differ at one of them."""
    if len(name) <= _LONGEST_NAME:
        return name
    half = (_LONGEST_NAME - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def _text(piece: Piece) -> str:
    return piece if isinstance(piece, str) else piece.text

"""The page of a command: what it prints, as lines and tables.

Laid out by rich on a terminal, plain elsewhere: importing rich takes as long as compiling a hundred
nodes, and into a pipe or a log there is
nothing to colour or to fold.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import click

if TYPE_CHECKING:
    from rich.console import Console

_BETWEEN = "  "


class Styled(NamedTuple):
    """A piece of text and how it looks, in the words of rich: `bold`, `red`, `dim`."""

    text: str
    style: str


Piece = str | Styled


class Column(NamedTuple):
    """A column of a table. A cell that is too wide for the
    terminal goes on below itself if the column may `fold`, else it is cut."""

    title: str
    align: Literal["left", "right", "center"] = "left"
    fold: bool = False


class Page(Protocol):
    """Takes the lines and tables of one report."""

    def line(self, *pieces: Piece) -> None:
        """One line, however long: the terminal wraps it, and copies it whole."""

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[Piece]]) -> None:
        """Titles (unless all are empty), and one line for each row."""


def standard_page() -> Page:
    """The page for standard output."""
    return TerminalPage() if sys.stdout.isatty() else PlainPage()


class PlainPage:
    """For pipes and files: no colours, nothing wrapped or cut."""

    def line(self, *pieces: Piece) -> None:
        click.echo("".join(map(_plain, pieces)))

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[Piece]]) -> None:
        titles = [column.title for column in columns]
        lines = [titles] if any(titles) else []
        lines += [[_plain(piece) for piece in row] for row in rows]
        if not lines:
            return
        widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
        marks = {"left": "<", "right": ">", "center": "^"}
        form = _BETWEEN.join(
            f"{{:{marks[column.align]}{width}}}"
            for column, width in zip(columns, widths, strict=True)
        )
        click.echo("\n".join(form.format(*cells).rstrip() for cells in lines))


class TerminalPage:
    """For people: coloured, and fitted to the width of the terminal."""

    def __init__(self, console: Console | None = None) -> None:
        from rich.console import Console

        self._console = console or Console(highlight=False)

    def line(self, *pieces: Piece) -> None:
        from rich.text import Text

        self._console.print(Text.assemble(*pieces), soft_wrap=True)

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[Piece]]) -> None:
        from rich.table import Table
        from rich.text import Text

        titled = any(column.title for column in columns)
        table = Table(box=None, pad_edge=False, header_style="bold", show_header=titled)
        for column in columns:
            table.add_column(
                column.title,
                justify=column.align,
                overflow="fold" if column.fold else "ellipsis",
            )
        for row in rows:
            table.add_row(*(Text.assemble(piece) for piece in row))
        self._console.print(table)


def _plain(piece: Piece) -> str:
    return piece if isinstance(piece, str) else piece.text

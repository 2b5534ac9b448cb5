"""The page of a command: what it prints, as lines and tables.

Coloured by rich on a terminal and folded to its width; plain elsewhere: importing rich takes as
long as compiling a hundred nodes, and into a pipe or a log there is nothing to colour or to fold.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import click

from meshc.cli.views.fold import HANGING, fold, fold_cell, narrowest, terminal_width

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_BETWEEN = "  "


class Styled(NamedTuple):
    """A piece of text and how it looks, in the words of rich: `bold`, `red`, `dim`."""

    text: str
    style: str


Piece = str | Styled


class Column(NamedTuple):
    """A column of a table. A cell that is too wide for the terminal goes on below itself: at its
    spaces, and inside of its words where the column may `fold`, or nothing else helps and it is not
    to stay `whole`. Nothing is cut."""

    title: str
    align: Literal["left", "right", "center"] = "left"
    fold: bool = False
    whole: bool = False


class Page(Protocol):
    """Takes the lines and tables of one report."""

    def line(self, *pieces: Piece) -> None:
        """One line, which a terminal folds at a word."""

    def copied(self, text: str) -> None:
        """One line that somebody copies: never folded."""

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[Piece]]) -> None:
        """Titles (unless all are empty), and one line for each row."""


def standard_page() -> Page:
    """The page for standard output."""
    return TerminalPage() if sys.stdout.isatty() else PlainPage()


def say(text: str = "", *, err: bool = False, nl: bool = True) -> None:
    """Prints sentences: folded on a terminal, as they are elsewhere."""
    if (sys.stderr if err else sys.stdout).isatty():
        text = fold(text, terminal_width())
    click.echo(text, err=err, nl=nl)


class PlainPage:
    """For pipes and files: no colours, nothing folded."""

    def line(self, *pieces: Piece) -> None:
        click.echo("".join(map(_plain, pieces)))

    def copied(self, text: str) -> None:
        click.echo(text)

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[Piece]]) -> None:
        for line in _laid_out(columns, rows, None):
            self.line("".join(map(_plain, line)).rstrip())


class TerminalPage:
    """For people: coloured, and fitted to the width of the terminal."""

    def __init__(self, console: Console | None = None) -> None:
        from rich.console import Console

        self._console = console or Console(highlight=False)

    def line(self, *pieces: Piece) -> None:
        from rich.text import Text

        for text in Text.assemble(*pieces).split("\n", allow_blank=True) or [Text()]:
            self._folded(text)

    def _folded(self, text: Text) -> None:
        at = hanging = 0
        for part in fold(text.plain, self._console.width).split("\n"):
            # what hangs is no text of the line, and where it was folded stood spaces
            words = part[hanging:]
            at = text.plain.index(words, at)
            piece = text[at : at + len(words)]
            piece.pad_left(hanging)
            self._print(piece)
            at += len(words)
            hanging = hanging or len(part) - len(part.lstrip(" ")) + HANGING

    def copied(self, text: str) -> None:
        from rich.text import Text

        self._print(Text(text))

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[Piece]]) -> None:
        from rich.text import Text

        for line in _laid_out(columns, rows, self._console.width):
            text = Text.assemble(*line)
            text.rstrip()
            self._print(text)

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)


def _laid_out(
    columns: Sequence[Column], rows: Iterable[Sequence[Piece]], width: int | None
) -> Iterator[list[Piece]]:
    """The lines of a table, each as the pieces that it is made of."""
    titles: list[Sequence[Piece]] = [[Styled(column.title, "bold") for column in columns]]
    lines = [*(titles if any(column.title for column in columns) else ()), *rows]
    cells = [[_plain(piece) for piece in line] for line in lines]
    if not lines:
        return
    widths = _widths(columns, cells, width)
    marks = {"left": "<", "right": ">", "center": "^"}
    for line, texts in zip(lines, cells, strict=True):
        folded = [
            fold_cell(text, wide, inside=not column.whole) if len(text) > wide else [text]
            for text, wide, column in zip(texts, widths, columns, strict=True)
        ]
        for at in range(max(map(len, folded))):
            out: list[Piece] = []
            for piece, parts, wide, column in zip(line, folded, widths, columns, strict=True):
                text = f"{parts[at] if at < len(parts) else '':{marks[column.align]}{wide}}"
                out += [_BETWEEN] if out else []
                out.append(text if isinstance(piece, str) else Styled(text, piece.style))
            yield out


def _widths(
    columns: Sequence[Column], cells: Sequence[Sequence[str]], width: int | None
) -> list[int]:
    """Of each column: as wide as its widest cell, and narrower where that is too much for all."""
    by_column = list(zip(*cells, strict=True))
    widths = [max(map(len, column)) for column in by_column]
    if width is None:
        return widths
    room = width - len(_BETWEEN) * (len(columns) - 1)
    between = [False] * len(columns)
    may, can = [column.fold for column in columns], [not column.whole for column in columns]
    for inside in (between, may, can):
        least = [
            max(narrowest(text, inside=folds) for text in texts)
            for folds, texts in zip(inside, by_column, strict=True)
        ]
        while sum(widths) > room:
            spare = [(wide, at) for at, wide in enumerate(widths) if wide > least[at]]
            if not spare:
                break
            widths[max(spare)[1]] -= 1
    return widths


def _plain(piece: Piece) -> str:
    return piece if isinstance(piece, str) else piece.text

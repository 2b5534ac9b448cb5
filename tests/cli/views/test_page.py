"""The two pages show the same report."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from meshc.cli.views.page import Column, Page, Piece, PlainPage, Styled, TerminalPage, standard_page

ROWS: list[list[Piece]] = [
    ["hub", "3", Styled("●", "green")],
    ["a-longer-name", "12", ""],
    ["[red]x", "0", "×"],
]
COLUMNS = (Column("node", fold=True), Column("peers", "right"), Column("", "center"))


def show(page: Page) -> None:
    page.line(Styled("net", "bold"), ": 3 nodes in [dir]")
    page.line()
    page.table(COLUMNS, ROWS)


def on_terminal(width: int) -> list[str]:
    out = io.StringIO()
    show(TerminalPage(Console(file=out, width=width, highlight=False)))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_wide_terminal_shows_what_a_pipe_gets(capsys: pytest.CaptureFixture[str]) -> None:
    show(PlainPage())
    plain = capsys.readouterr().out
    assert plain.splitlines() == on_terminal(100)
    assert "[red]x             0  ×" in plain
    assert "\x1b" not in plain


def test_a_narrow_terminal_folds_and_a_pipe_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    show(PlainPage())
    assert len(on_terminal(20)) > len(capsys.readouterr().out.splitlines())


def test_output_that_is_captured_is_plain() -> None:
    assert isinstance(standard_page(), PlainPage)


def test_a_terminal_is_coloured() -> None:
    out = io.StringIO()
    show(TerminalPage(Console(file=out, force_terminal=True, color_system="standard")))
    assert "\x1b[1mnet\x1b[0m" in out.getvalue()


def test_a_narrow_terminal_cuts_nothing_and_keeps_whole_what_is_copied() -> None:
    out = io.StringIO()
    page = TerminalPage(Console(file=out, width=40, highlight=False))
    key = "jGslYRjmZHxNfgnSgE/Nks98i"
    page.table([Column("node"), Column("key", whole=True)], [["a-long-name/of-a-node", key]])
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert lines == [["node", "key"], ["a-long-name/", key], ["of-a-node"]]


def test_a_long_line_hangs_below_itself_with_its_colours() -> None:
    out = io.StringIO()
    page = TerminalPage(Console(file=out, width=20, force_terminal=True, color_system="standard"))
    page.line("  one ", Styled("two three four five", "red"), "\n  and more")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert plain == "  one two three four\n    five\n  and more\n"
    assert "\x1b[31mfive" in out.getvalue()


def test_what_is_copied_is_never_folded() -> None:
    out = io.StringIO()
    TerminalPage(Console(file=out, width=20)).copied("  wg syncconf wg0 <(wg-quick strip wg0)")
    assert out.getvalue() == "  wg syncconf wg0 <(wg-quick strip wg0)\n"

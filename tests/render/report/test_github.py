"""Workflow commands, read back with the rules of the runner."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from meshc.diagnostics import Diagnostic, Location
from meshc.render.report import Case, Report
from meshc.render.report.github import render

COMMAND = re.compile(r"::(error|warning|notice) ([^:]*)::(.*)\n")


def unescape(text: str) -> str:
    """As the runner does it: `%25` comes last, so that `%250A` stays `%0A`."""
    for escaped, plain in (("%3A", ":"), ("%2C", ","), ("%0A", "\n"), ("%0D", "\r")):
        text = text.replace(escaped, plain)
    return text.replace("%25", "%")


def parse(line: str) -> tuple[str, dict[str, str], str]:
    found = COMMAND.fullmatch(line)
    assert found is not None, line
    pairs = (pair.split("=", 1) for pair in found[2].split(","))
    return found[1], {key: unescape(value) for key, value in pairs}, found[3]


def test_one_command() -> None:
    found = Diagnostic("E110", "unknown key", Location("a.yaml", 3, 5), "nodes.x", "mtu?", ("t",))
    assert render(Report(("a.yaml",), (found,))) == (
        "::error col=5,file=a.yaml,line=3,title=E110 unknown key::"
        "nodes.x: unknown key%0At%0Ahint: mtu?\n"
    )


def test_nothing_to_say() -> None:
    assert render(Report(("a.yaml",), ())) == ""


def test_what_moves_a_terminal_is_written_out() -> None:
    found = Diagnostic("W140", "a\x1b[31mb\x07", Location("x\x1b\udcff.yaml", 1, 2))
    text = render(Report(("x",), (found,)))
    assert text == (
        "::warning col=2,file=x\\x1b\\udcff.yaml,line=1,title=W140 host bits set"
        "::a\\x1b[31mb\\x07\n"
    )
    assert text.encode().isascii()


@given(
    st.text(alphabet="a:,%\n\r=0AD", min_size=1, max_size=12),
    st.text(alphabet="b:,%\n\r=", max_size=9),
)
def test_nothing_escapes_its_place(file: str, message: str) -> None:
    found = Diagnostic("W140", message, Location(file, 1, 2))
    text = render(Report((file,), (found,), cases=(Case(file, file, message or "x"),)))
    assert text.count("\n") == 2
    assert "\r" not in text
    for line in text.splitlines(keepends=True):
        _, properties, body = parse(line)
        assert body.replace("%25", "").replace("%0D", "").replace("%0A", "").count("%") == 0
        if "%" not in file:
            assert properties["file"] == file

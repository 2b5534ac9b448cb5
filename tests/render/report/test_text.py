"""Findings for people."""

from __future__ import annotations

from meshc.diagnostics import Diagnostic, Location
from meshc.render.report import Case, Report
from meshc.render.report.text import format_diagnostic, render

FOUND = Diagnostic(
    "E110", "unknown key 'mtuu'", Location("mesh.yaml", 14, 7), "nodes.paris.mtuu",
    "did you mean 'mtu'?", ("first", "second"),
)  # fmt: skip


def test_one_finding() -> None:
    assert format_diagnostic(FOUND) == (
        "mesh.yaml:14:7: E110 unknown key\n"
        "   nodes.paris.mtuu: unknown key 'mtuu'\n"
        "     first\n"
        "     second\n"
        "   hint: did you mean 'mtu'?   (meshc validate --explain E110)\n"
    )


def test_without_place_path_and_hint() -> None:
    assert format_diagnostic(Diagnostic("W140", "x")) == (
        "W140 host bits set\n   x\n   (meshc validate --explain W140)\n"
    )


def test_the_last_line_counts() -> None:
    report = Report(("a", "b"), (FOUND, FOUND, Diagnostic("I151", "x")))
    assert render(report).splitlines()[-1] == "2 files: 2 errors, 1 remark"
    assert render(Report(("a",), ())) == "1 file: no findings\n"


def test_a_case_that_fails_is_named() -> None:
    report = Report(("a",), (), cases=(Case("a -> b", "a", "lost"), Case("b -> a", "a")))
    assert "a -> b: lost\n" in render(report)
    assert "b -> a" not in render(report)


def test_nothing_from_outside_starts_a_line_of_its_own() -> None:
    """A file may be called `x\\n::error::y`, which a runner would take for a command."""
    bad = "x\n::error::y\x1b[2J"
    found = Diagnostic("W140", bad, Location(bad, 1, 1), bad, bad, (bad,))
    report = Report((bad,), (found,), cases=(Case(bad, bad, bad),))
    text = render(report)
    assert "\x1b" not in text
    assert not any(line.startswith("::") for line in text.splitlines())
    assert r"x\n::error::y\x1b[2J" in text


def test_paint_gets_every_part_that_may_have_colour() -> None:
    def paint(kind: str, text: str) -> str:
        return f"<{kind}>{text}</>"

    text = format_diagnostic(FOUND, paint)
    assert text.startswith("<place>mesh.yaml:14:7: </><error>E110 unknown key</>\n")
    assert "<hint>hint: did you mean 'mtu'?   </><dim>" in text

from __future__ import annotations

import io

from rich.console import Console

from meshc.cli.views.lab_view import show_report, status_table
from meshc.cli.views.page import TerminalPage
from meshc.lab.report.lab_report import Cell, Check, Key, LabReport, Measured, Predicted


def shown(report: LabReport) -> str:
    console = Console(file=io.StringIO(), width=100)
    show_report(TerminalPage(console), report)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def a_cell(source: str, target: str, *between: str, problem: str = "") -> Cell:
    path = (source, *between, target)
    measured = Measured(not problem, path, 1.25)
    return Cell(Key(source, target, 4), Predicted(True, path), measured, (problem,) * bool(problem))


def a_report(*cells: Cell, **more: object) -> LabReport:
    return LabReport(network="net", file="f", engines={"a": "bundled"}, cells=cells, **more)  # type: ignore[arg-type]


def test_direct_and_relayed_pairs_have_their_marks() -> None:
    text = shown(a_report(a_cell("a", "b"), a_cell("b", "a", "r")))
    assert "● 1.2" in text
    assert "○1 1.2" in text
    assert "measured equals proven" in text


def test_what_differs_is_listed() -> None:
    checks = (Check("exit", "a leaks nothing", False, "IPv6 TCP"),)
    text = shown(a_report(a_cell("a", "b", problem="nothing came back"), checks=checks))
    assert "✗ a → b: nothing came back" in text
    assert "✗ exit: a leaks nothing: IPv6 TCP" in text
    assert "measured differs from the proof" in text


def test_pairs_with_the_same_problem_are_one_line() -> None:
    cells = [a_cell("a", f"n{number}", problem="nothing came back") for number in range(9)]
    text = shown(a_report(*cells))
    assert "✗ a → n0, a → n1, a → n2 and 6 more: nothing came back" in text
    assert text.count("nothing came back") == 1
    assert "IPv4: 9 ordered pairs (9 wrong)" in text


def test_a_wide_matrix_is_left_out_and_markup_is_not_read() -> None:
    cells = [a_cell(f"n{number}", "[bold]x") for number in range(20)]
    text = shown(a_report(*cells, remarks=("[red]note",)))
    assert "from \\ to" not in text
    assert "[red]note" in text


def test_the_status_of_a_lab() -> None:
    console = Console(file=io.StringIO(), width=100)
    peer = {"health": "live", "received": 1000, "sent": 2000}
    node = {"name": "a", "engine": "bundled", "peers": [peer]}
    found = {"id": "net-1", "file": "f", "mode": "root", "alive": True, "nodes": [node]}
    status_table(TerminalPage(console), found)
    assert isinstance(console.file, io.StringIO)
    assert "1 of 1" in console.file.getvalue()
    assert "2,000 B" in console.file.getvalue()


def a_blocked_cell(source: str, target: str, reason: str) -> Cell:
    return Cell(Key(source, target, 4), Predicted(False, (source,), reason), Measured(False))


def test_blocked_pairs_say_why_each_reason_once() -> None:
    psk = "a and r have different pre-shared keys"
    text = shown(
        a_report(
            a_blocked_cell("a", "r", psk),
            a_blocked_cell("b", "c", "b has no route"),
            a_blocked_cell("r", "a", psk),
        )
    )
    assert f"– a → r and 1 more: {psk}" in text
    assert text.index(psk) < text.index("– b → c: b has no route")


def test_many_reasons_are_cut_short() -> None:
    cells = [a_blocked_cell("a", f"n{i}", f"reason {i}") for i in range(11)]
    text = shown(a_report(*cells))
    assert "reason 7" in text
    assert "reason 8" not in text
    assert "– 3 more pairs" in text


def test_what_to_do_next() -> None:
    text = shown(a_report(a_cell("a", "b", problem="nothing came back")))
    assert text.rstrip().endswith("meshc explain f a b\n  meshc lab up f\n  meshc lab exec a -- wg")
    assert "meshc" not in shown(a_report(a_cell("a", "b")))


def test_a_line_of_tests_that_fails_is_not_the_lab_s_disagreement() -> None:
    checks = (Check("tests", "a → b reachable", False, "IPv4: it is unreachable"),)
    text = shown(a_report(a_cell("a", "b"), checks=checks))
    assert "measured equals proven, but a line of tests: fails" in text

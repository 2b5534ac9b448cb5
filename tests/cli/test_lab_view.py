from __future__ import annotations

import io

from rich.console import Console

from meshc.cli.lab_view import show_report, status_table
from meshc.lab.report import Cell, Check, Key, Measured, Predicted, Report


def shown(report: Report) -> str:
    console = Console(file=io.StringIO(), width=100)
    show_report(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def a_cell(source: str, target: str, *between: str, problem: str = "") -> Cell:
    path = (source, *between, target)
    measured = Measured(not problem, path, 1.25)
    return Cell(Key(source, target, 4), Predicted(True, path), measured, (problem,) * bool(problem))


def a_report(*cells: Cell, **more: object) -> Report:
    return Report(network="net", file="f", engines={"a": "bundled"}, cells=cells, **more)  # type: ignore[arg-type]


def test_direct_and_relayed_pairs_have_their_marks() -> None:
    text = shown(a_report(a_cell("a", "b"), a_cell("b", "a", "r")))
    assert "● 1.2" in text
    assert "○1 1.2" in text
    assert "measured equals proven" in text


def test_what_differs_is_listed() -> None:
    checks = (Check("exit", "a leaks nothing", False, "IPv6 TCP"),)
    text = shown(a_report(a_cell("a", "b", problem="nothing came back"), checks=checks))
    assert "✗ a → b (IPv4): nothing came back" in text
    assert "✗ exit: a leaks nothing: IPv6 TCP" in text
    assert "measured differs from the proof" in text


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
    status_table(found, console)
    assert isinstance(console.file, io.StringIO)
    assert "1 of 1" in console.file.getvalue()
    assert "2,000 B" in console.file.getvalue()

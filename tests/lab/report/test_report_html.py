from __future__ import annotations

import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from meshc.lab.report.lab_report import Cell, Check, Key, LabReport, Measured, Predicted
from meshc.lab.report.report_html import render_html

VOID = {"meta", "link", "br"}


class Reader(HTMLParser):
    """Checks that tags nest, and collects text and addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text += data


def read(report: LabReport) -> Reader:
    reader = Reader()
    reader.feed(render_html(report))
    assert reader.open == []
    return reader


def a_report(problem: str = "") -> LabReport:
    cells = (
        Cell(Key("a", "b", 4), Predicted(True, ("a", "r", "b")), Measured(True, ms=1.5)),
        Cell(
            Key("b", "a", 6),
            Predicted(True, ("b", "a")),
            Measured(not problem),
            (problem,) if problem else (),
        ),
    )
    checks = (Check("exit", "a leaks nothing", True), Check("recovery", "x", True, seconds=2.0))
    return LabReport(
        network="<b>net", file="m.yaml", engines={"a": "k"}, cells=cells, checks=checks
    )


def test_what_is_blocked_and_what_to_do_next() -> None:
    cell = Cell(Key("a", "b", 4), Predicted(False, ("a",), "b <drops> it"), Measured(False))
    checks = (Check("tests", "a → b reachable", False, "IPv4: it is unreachable"),)
    report = LabReport(network="n", file="m.yaml", engines={"a": "k"}, cells=(cell,), checks=checks)
    text = read(report).text
    assert "Blocked, as proven" in text
    assert "b <drops> ita → b" in text
    assert "meshc explain m.yaml a b" in text
    assert "Measured equals proven, but a line of tests: fails" in text
    assert "Blocked, as proven" not in read(a_report()).text


def test_the_page_is_whole_and_loads_nothing() -> None:
    reader = read(a_report())
    assert reader.links == ["data:,"]
    assert "Measured equals proven" in reader.text
    assert "<b>net" in reader.text  # as text, not as a tag
    assert "url(" not in render_html(a_report())
    assert "<script" not in render_html(a_report())


def test_the_verdict_comes_first_then_the_matrix_then_what_differs() -> None:
    text = read(a_report("nothing came back")).text
    places = [text.index(what) for what in ("Measured differs", "Every pair", "What differs")]
    assert places == sorted(places)
    assert text.index("What differs") < text.index("nothing came back")
    assert "IPv4: 1 ordered pair; IPv6: 1 ordered pair." in text


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_a_browser_has_nothing_to_complain_about(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(render_html(a_report("nothing came back")))
    done = subprocess.run(
        [
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--enable-logging=stderr",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Measured differs from the proof" in done.stdout
    assert "CONSOLE" not in done.stderr

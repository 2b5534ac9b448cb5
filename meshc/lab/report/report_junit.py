"""JUnit XML of a lab run: a case for every pair and family, and for every check."""

from __future__ import annotations

from meshc.lab.report.lab_report import Cell, Check, LabReport, arrow, broken_words
from meshc.render.report.junit_xml import JunitCase, JunitFailure, JunitSuite, junit_xml


def render_junit(report: LabReport) -> str:
    """One suite of pairs and one of checks."""
    pairs = JunitSuite("pairs", [_pair(cell) for cell in report.cells])
    checks = JunitSuite("checks", [_check(check) for check in report.checks])
    return junit_xml(f"meshc lab {report.network}", (pairs, checks))


def _pair(cell: Cell) -> JunitCase:
    key = cell.key
    failure = None
    if cell.kind == "broken":
        failure = JunitFailure(broken_words(cell), "broken", arrow(cell.predicted.path))
    elif not cell.ok:
        predicted = f"predicted: {arrow(cell.predicted.path)}"
        failure = JunitFailure("; ".join(cell.problems), "pair", predicted)
    name = f"{key.source} to {key.target} IPv{key.family}"
    return JunitCase(name, f"pairs.{key.source}", failure)


def _check(check: Check) -> JunitCase:
    failure = None if check.passed else JunitFailure(check.detail, check.group, check.detail)
    return JunitCase(check.name, f"checks.{check.group}", failure, seconds=check.seconds)

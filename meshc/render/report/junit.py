"""JUnit XML of findings: a suite for each file, a case for each finding."""

from __future__ import annotations

from meshc.diagnostics import CODES, Diagnostic
from meshc.render.report import Report
from meshc.render.report.junit_xml import JunitCase, JunitFailure, JunitSuite, junit_xml


def render(report: Report) -> str:
    """A file without findings has one passing case; what does not fail passes with its text."""
    suites = []
    for file in report.files:
        cases = [_finding(report, found) for found in report.of_file(file)]
        cases += [_named(c.name, c.file, c.fault) for c in report.cases if c.file == file]
        suites.append(JunitSuite(file, cases or [_named("valid", file, "")]))
    return junit_xml("meshc", suites)


def _finding(report: Report, found: Diagnostic) -> JunitCase:
    at = found.location
    place = f"{at.line}:{at.column} " if at else ""
    name = f"{place}{found.code} {CODES[found.code].title}"
    path = f"{found.path}: " if found.path else ""
    lines = [f"{at}: " if at else "", f"{path}{found.message}", *found.trace]
    if found.hint:
        lines.append(f"hint: {found.hint}")
    text = "\n".join(line for line in lines if line)
    file = at.file if at else ""
    if report.fails(found):
        return JunitCase(name, file, JunitFailure(found.message, found.code, text))
    return JunitCase(name, file, output=text)


def _named(name: str, file: str, fault: str) -> JunitCase:
    return JunitCase(name, file, JunitFailure(fault, "test", fault) if fault else None)

"""JUnit XML as build servers read it: a suite for each file, a case for each finding."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from meshc.diagnostics import CODES, Diagnostic
from meshc.render.report import Report

# XML 1.0 section 2.2 allows no other control characters, not even escaped
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: Report) -> str:
    """A file without findings has one passing case; what does not fail passes with its text."""
    root = Element("testsuites", name="meshc")
    totals = [0, 0]
    for file in report.files:
        suite = SubElement(root, "testsuite", name=_clean(file))
        cases = [_finding(report, found) for found in report.of_file(file)]
        cases += [_named(c.name, c.file, c.fault) for c in report.cases if c.file == file]
        suite.extend(cases or [_named("valid", file, "")])
        failures = len(suite.findall("testcase/failure"))
        _numbers(suite, len(suite), failures)
        suite.set("skipped", "0")
        totals = [totals[0] + len(suite), totals[1] + failures]
    _numbers(root, *totals)
    indent(root)
    text: str = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _numbers(element: Element, tests: int, failures: int) -> None:
    for key, value in (("tests", tests), ("failures", failures), ("errors", 0)):
        element.set(key, str(value))
    element.set("time", "0")


def _finding(report: Report, found: Diagnostic) -> Element:
    title = CODES[found.code].title
    at = found.location
    place = f"{at.line}:{at.column} " if at else ""
    name = f"{place}{found.code} {title}"
    case = _element("testcase", name, at.file if at else "")
    path = f"{found.path}: " if found.path else ""
    lines = [f"{at}: " if at else "", f"{path}{found.message}", *found.trace]
    if found.hint:
        lines.append(f"hint: {found.hint}")
    text = _clean("\n".join(line for line in lines if line))
    if report.fails(found):
        failure = SubElement(case, "failure", message=_clean(found.message), type=found.code)
        failure.text = text
    else:
        SubElement(case, "system-out").text = text
    return case


def _named(name: str, file: str, fault: str) -> Element:
    case = _element("testcase", name, file)
    if fault:
        SubElement(case, "failure", message=_clean(fault), type="test").text = _clean(fault)
    return case


def _element(tag: str, name: str, file: str) -> Element:
    return Element(tag, name=_clean(name), classname=_clean(file) or "meshc", time="0")


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)

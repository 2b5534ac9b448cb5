"""JUnit XML: suites of cases as build servers read them. Every report of meshc is written here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, indent, tostring

# XML 1.0 section 2.2 allows no other control characters, not even escaped
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class JunitFailure(NamedTuple):
    """What was wrong in one line, of which kind, and in full."""

    message: str
    kind: str
    text: str


class JunitCase(NamedTuple):
    """One thing that was looked at. It passes without a `failure`; `output` is what there is to
    say even so."""

    name: str
    classname: str
    failure: JunitFailure | None = None
    output: str = ""
    seconds: float | None = None


class JunitSuite(NamedTuple):
    """Cases under one name."""

    name: str
    cases: Sequence[JunitCase]


def junit_xml(name: str, suites: Sequence[JunitSuite]) -> str:
    """The document, with its counts."""
    root = Element("testsuites", name=_clean(name))
    for suite in suites:
        element = SubElement(root, "testsuite", name=_clean(suite.name))
        element.extend(map(_case, suite.cases))
        _count(element, suite.cases)
        element.set("skipped", "0")
    _count(root, [case for suite in suites for case in suite.cases])
    indent(root)
    text: str = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _count(element: Element, cases: Sequence[JunitCase]) -> None:
    failures = sum(case.failure is not None for case in cases)
    for key, value in (("tests", len(cases)), ("failures", failures), ("errors", 0)):
        element.set(key, str(value))
    element.set("time", _seconds(sum(case.seconds or 0.0 for case in cases)))


def _case(case: JunitCase) -> Element:
    element = Element(
        "testcase",
        name=_clean(case.name),
        classname=_clean(case.classname) or "meshc",
        time=_seconds(case.seconds or 0.0),
    )
    if case.failure is not None:
        message, kind, text = map(_clean, case.failure)
        SubElement(element, "failure", message=message, type=kind).text = text
    if case.output:
        SubElement(element, "system-out").text = _clean(case.output)
    return element


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}" if seconds else "0"


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)

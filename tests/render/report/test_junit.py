"""JUnit XML against what build servers agree on."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.diagnostics import Diagnostic, Location
from meshc.render.report import Case, Report
from meshc.render.report.junit import render

# element -> (attributes that must be there, others, children): the Jenkins XSD as a table
SHAPE: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": ({"name", "tests", "failures", "errors", "time"}, set(), {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors", "skipped", "time"}, set(), {"testcase"}),
    "testcase": ({"name", "classname", "time"}, set(), {"failure", "system-out"}),
    "failure": ({"message", "type"}, set(), set()),
    "system-out": (set(), set(), set()),
}
FINDINGS = (
    Diagnostic("E110", 'a <b> & "c"', Location("a.yaml", 3, 5), "nodes.x", "h", ("t",)),
    Diagnostic("W140", "host bits", Location("b.yaml", 1, 1)),
    Diagnostic("I151", "unused"),
)


def parse(report: Report) -> ET.Element:
    """The document, after checking its shape and its numbers."""
    root = ET.fromstring(render(report))
    assert root.tag == "testsuites"
    for element in root.iter():
        required, optional, children = SHAPE[element.tag]
        assert required <= set(element.attrib) <= required | optional
        assert {child.tag for child in element} <= children
    for suite in root:
        assert suite.get("tests") == str(len(suite))
        assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
    assert root.get("tests") == str(len(root.findall("testsuite/testcase")))
    assert root.get("failures") == str(len(root.findall("testsuite/testcase/failure")))
    return root


@pytest.mark.parametrize(("strict", "failures"), [(False, "1"), (True, "2")])
def test_errors_fail_and_warnings_fail_when_strict(strict: bool, failures: str) -> None:
    root = parse(Report(("a.yaml", "b.yaml", "c.yaml"), FINDINGS, strict))
    assert root.get("failures") == failures
    assert [suite.get("name") for suite in root] == ["a.yaml", "b.yaml", "c.yaml"]


def test_a_clean_file_has_one_passing_case() -> None:
    root = parse(Report(("a.yaml",), ()))
    assert [(case.get("name"), len(case)) for case in root.iter("testcase")] == [("valid", 0)]


def test_the_text_of_a_failure() -> None:
    failure = parse(Report(("a.yaml",), FINDINGS[:1])).find(".//failure")
    assert failure is not None
    assert failure.get("message") == 'a <b> & "c"'
    assert failure.text == 'a.yaml:3:5: \nnodes.x: a <b> & "c"\nt\nhint: h'


def test_cases_are_listed_whether_they_hold_or_not() -> None:
    report = Report(("a.yaml",), (), cases=(Case("x", "a.yaml"), Case("y", "a.yaml", "lost")))
    cases = [(c.get("name"), len(c)) for c in parse(report).iter("testcase")]
    assert cases == [("x", 0), ("y", 1)]


@given(st.text(), st.text())
def test_any_text_gives_well_formed_xml(file: str, message: str) -> None:
    """Control characters and lone surrogates are not XML, not even escaped."""
    found = Diagnostic("E110", message, Location(file, 1, 1))
    text = render(Report((file,), (found,)))
    parse(Report((file,), (found,)))
    assert text.encode("utf-8")

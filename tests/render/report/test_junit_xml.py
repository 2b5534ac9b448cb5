"""Whatever text is reported, the document can be read, and its counts are those of its cases."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.render.report.junit_xml import JunitCase, JunitFailure, JunitSuite, junit_xml

TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
CASES = st.builds(
    JunitCase,
    TEXT,
    TEXT,
    st.none() | st.builds(JunitFailure, TEXT, TEXT, TEXT),
    TEXT,
    st.none() | st.floats(0, 1000),
)
SUITES = st.lists(st.builds(JunitSuite, TEXT, st.lists(CASES, max_size=3)), max_size=3)


@settings(deadline=None)
@given(TEXT, SUITES)
def test_any_report_is_xml_with_its_counts(name: str, suites: list[JunitSuite]) -> None:
    root = ElementTree.fromstring(junit_xml(name, suites).split("\n", 1)[1])
    for element, suite in zip(root, suites, strict=True):
        assert int(element.get("tests", "")) == len(element) == len(suite.cases)
        failures = [case for case in suite.cases if case.failure is not None]
        assert int(element.get("failures", "")) == len(element.findall("testcase/failure"))
        assert len(element.findall("testcase/failure")) == len(failures)
    assert int(root.get("tests", "")) == len(root.findall("*/testcase"))
    assert int(root.get("failures", "")) == len(root.findall("*/*/failure"))


def test_seconds_are_said_where_they_are_known() -> None:
    cases = [JunitCase("a", "x", seconds=1.5), JunitCase("b", "x")]
    root = ElementTree.fromstring(junit_xml("n", [JunitSuite("s", cases)]).split("\n", 1)[1])
    assert [case.get("time") for case in root.iter("testcase")] == ["1.500", "0"]
    assert root[0].get("time") == "1.500"

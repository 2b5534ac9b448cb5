from __future__ import annotations

from xml.etree import ElementTree

from meshc.lab.report.lab_report import Cell, Check, Key, LabReport, Measured, Predicted
from meshc.lab.report.report_junit import render_junit


def test_every_pair_and_check_is_a_case() -> None:
    cells = (
        Cell(Key("a", "b", 4), Predicted(True, ("a", "b")), Measured(True)),
        Cell(Key("b", "a", 4), Predicted(True, ("b", "a")), Measured(False), ("lost \x07&",)),
    )
    checks = (Check("exit", "leak", False, "IPv6"), Check("recovery", "nat", True, seconds=1.5))
    text = render_junit(LabReport(network="n", file="f", engines={}, cells=cells, checks=checks))
    root = ElementTree.fromstring(text.split("\n", 1)[1])
    assert [(s.get("tests"), s.get("failures")) for s in root] == [("2", "1"), ("2", "1")]
    assert [f.get("message") for f in root.iter("failure")] == ["lost \ufffd&", "IPv6"]
    assert root.findall(".//testcase")[3].get("time") == "1.500"

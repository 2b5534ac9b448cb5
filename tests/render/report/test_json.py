"""Findings for programs."""

from __future__ import annotations

import json

import pytest

from meshc.diagnostics import Diagnostic, Location
from meshc.render.report import Case, Report
from meshc.render.report.json import envelope, refusal, render


def test_every_field_by_name() -> None:
    found = Diagnostic("W140", 'a "b"\n\u2028', Location("é.yaml", 2, 3), "x.y", "h", ("t",))
    report = Report(
        ("é.yaml",), (found, Diagnostic("E110", "m")), cases=(Case("c", "é.yaml", "f"),)
    )
    assert json.loads(render(report)) == {
        "version": 1,
        "failed": True,
        "files": ["é.yaml"],
        "summary": {"error": 1, "warning": 1, "info": 0},
        "findings": [
            {
                "code": "W140", "severity": "warning", "title": "host bits set",
                "message": 'a "b"\n\u2028', "file": "é.yaml", "line": 2, "column": 3,
                "path": "x.y", "hint": "h", "trace": ["t"],
            },
            {
                "code": "E110", "severity": "error", "title": "unknown key", "message": "m",
                "file": None, "line": None, "column": None, "path": "", "hint": "", "trace": [],
            },
        ],
        "cases": [{"name": "c", "file": "é.yaml", "ok": False, "fault": "f"}],
    }  # fmt: skip


@pytest.mark.parametrize("name", ["a\udcff.yaml", "\ud800", "é\u2028.yaml"])
def test_a_file_name_that_is_not_utf_8_leaves_the_json_valid(name: str) -> None:
    """Python holds such bytes as surrogates, which no UTF-8 has."""
    text = render(Report((name,), (Diagnostic("E110", name, Location(name, 1, 1)),)))
    (shown,) = json.loads(text.encode())["files"]
    assert shown == name.encode("utf-8", "backslashreplace").decode()


def test_every_answer_has_a_version_and_findings() -> None:
    found = Diagnostic("E110", "m")
    answer = json.loads(envelope({"node": "a"}, [found]))
    assert list(answer) == ["version", "node", "findings"]
    assert [one["code"] for one in answer["findings"]] == ["E110"]
    refused = json.loads(refusal("it cannot be done", "do this"))
    assert refused["error"] == {"message": "it cannot be done", "hint": "do this"}
    assert (refused["version"], refused["findings"]) == (1, [])

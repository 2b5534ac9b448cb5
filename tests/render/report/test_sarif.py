"""SARIF against the schema of the standard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from meshc.diagnostics import CODES, Diagnostic, Location
from meshc.render.report import Report
from meshc.render.report.sarif import render

SCHEMA = json.loads(Path("tests/data/sarif/sarif-2.1.0-rtm.5.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft4Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
FOUND = (
    Diagnostic("W140", "host bits", Location("a b/ü.yaml", 2, 3), "x.y", "hint", ("step",)),
    Diagnostic("E110", "unknown key", Location("a b/ü.yaml", 9, 1)),
    Diagnostic("E110", "no place"),
    Diagnostic("I151", "unused", Location("-", 1, 1)),
)


def document(*found: Diagnostic) -> Any:
    return json.loads(render(Report(("a b/ü.yaml",), found)))


@pytest.mark.parametrize("count", range(len(FOUND) + 1))
def test_it_conforms(count: int) -> None:
    VALIDATOR.validate(document(*FOUND[:count]))


def test_every_code_of_the_catalogue_conforms() -> None:
    VALIDATOR.validate(document(*(Diagnostic(code, "m") for code in CODES)))


def test_the_schema_would_notice() -> None:
    broken = document(*FOUND)
    broken["runs"][0]["results"][0]["level"] = "fatal"
    assert not VALIDATOR.is_valid(broken)


def test_results_point_at_their_rules_and_places() -> None:
    run = document(*FOUND)["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["E110", "W140", "I151"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    first = run["results"][0]
    assert first["level"] == "warning"
    assert first["message"]["text"] == "x.y: host bits\nstep\nhint: hint"
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "a%20b/%C3%BC.yaml"},
        "region": {"startLine": 2, "startColumn": 3},
    }
    assert "locations" not in run["results"][2]


def test_a_finding_keeps_its_fingerprint_when_lines_move() -> None:
    moved = [Diagnostic("E110", "m", Location("f", line, 1), "nodes.x") for line in (3, 30)]
    one, other = (
        result["partialFingerprints"] for result in document(*moved)["runs"][0]["results"]
    )
    assert one == other

"""Findings for programs: the fields of a diagnostic by name."""

from __future__ import annotations

import json
from typing import Any

from meshc.diagnostics import CODES, Diagnostic, Severity
from meshc.render.report import Report


def render(report: Report) -> str:
    """One object; `version` changes when a field changes its meaning."""
    document = {
        "version": 1,
        "failed": report.failed,
        "files": list(report.files),
        "summary": {severity.value: report.count(severity) for severity in Severity},
        "diagnostics": [as_dict(found) for found in report.findings],
        "cases": [
            {"name": case.name, "file": case.file, "ok": not case.fault, "fault": case.fault}
            for case in report.cases
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_dict(found: Diagnostic) -> dict[str, Any]:
    """The fields of one finding; `file`, `line` and `column` are null without a place."""
    at = found.location
    return {
        "code": found.code,
        "severity": found.severity.value,
        "title": CODES[found.code].title,
        "message": found.message,
        "file": at.file if at else None,
        "line": at.line if at else None,
        "column": at.column if at else None,
        "path": found.path,
        "hint": found.hint,
        "trace": list(found.trace),
    }

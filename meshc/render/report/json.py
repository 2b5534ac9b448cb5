"""The JSON of every command: one envelope, and the fields of a diagnostic by name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from meshc.diagnostics import CODES, Diagnostic, Severity
from meshc.render.report import Report

VERSION = 1
_SURROGATE = re.compile("[\ud800-\udfff]")


def envelope(data: Mapping[str, Any], findings: Iterable[Diagnostic] = ()) -> str:
    """One object: `version`, which changes when a field changes its meaning, the fields of `data`,
    and `findings`, which every command has."""
    document = {"version": VERSION, **data, "findings": [as_dict(found) for found in findings]}
    return written(document)


def written(document: Mapping[str, Any]) -> str:
    """JSON that is UTF-8 whatever stands in it: the bytes of a file name that is none are
    surrogates in Python (PEP 383), and are written out."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return _SURROGATE.sub(lambda found: f"\\\\u{ord(found[0]):04x}", text)


def refusal(message: str, hint: str = "") -> str:
    """What is said instead when a command could not do its work."""
    return envelope({"error": {"message": message, "hint": hint}})


def render(report: Report) -> str:
    """The report of `validate` and `verify`."""
    data = {
        "failed": report.failed,
        "files": list(report.files),
        "summary": {severity.value: report.count(severity) for severity in Severity},
        "cases": [
            {"name": case.name, "file": case.file, "ok": not case.fault, "fault": case.fault}
            for case in report.cases
        ],
    }
    return envelope(data, report.findings) + "\n"


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

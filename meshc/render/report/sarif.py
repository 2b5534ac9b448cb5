"""SARIF 2.1.0 (OASIS), which code scanning services read."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

from meshc import __version__
from meshc.diagnostics import CODES, Diagnostic, Severity
from meshc.render.report import Report
from meshc.render.report.json import written

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def render(report: Report) -> str:
    """One run; only the rules that were broken are described."""
    used = sorted({found.code for found in report.findings}, key=lambda code: code[1:])
    run = {
        "tool": {
            "driver": {
                "name": "meshc",
                "version": __version__,
                "rules": [_rule(code) for code in used],
            }
        },
        "columnKind": "unicodeCodePoints",
        "artifacts": [{"location": {"uri": _uri(file)}} for file in report.files],
        "results": [_result(found, used) for found in report.findings],
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return written(document) + "\n"


def _rule(code: str) -> dict[str, Any]:
    rule = CODES[code]
    return {
        "id": code,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.explanation},
        "help": {"text": f"{rule.explanation}\n\nmeshc validate --explain {code}"},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _result(found: Diagnostic, used: list[str]) -> dict[str, Any]:
    path = f"{found.path}: " if found.path else ""
    text = "\n".join([f"{path}{found.message}", *found.trace])
    if found.hint:
        text += f"\nhint: {found.hint}"
    result: dict[str, Any] = {
        "ruleId": found.code,
        "ruleIndex": used.index(found.code),
        "level": _LEVELS[found.severity],
        "message": {"text": text},
        # lets a service follow one finding while lines above it come and go
        "partialFingerprints": {"meshc/v1": _fingerprint(found)},
    }
    if found.location:
        at = found.location
        result["locations"] = [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(at.file)},
                    "region": {"startLine": at.line, "startColumn": at.column},
                }
            }
        ]
    return result


def _fingerprint(found: Diagnostic) -> str:
    text = "\0".join((found.code, found.path, found.message))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _uri(file: str) -> str:
    """A path as a URI reference (RFC 3986): relative ones stay relative."""
    return quote(file.replace("\\", "/"), safe="/-._~", errors="surrogatepass")

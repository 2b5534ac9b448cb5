"""Workflow commands of GitHub Actions, which put findings beside the lines of a pull request.

Escaping as in the Actions toolkit: `%`, CR and LF in the text, and `:` and `,` in properties.
"""

from __future__ import annotations

from meshc.diagnostics import CODES, Severity
from meshc.render.report import Report
from meshc.render.report.text import visible

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render(report: Report) -> str:
    """One command a line; nothing when there are no findings."""
    lines = []
    for found in report.findings:
        properties = {"title": f"{found.code} {CODES[found.code].title}"}
        if found.location:
            at = found.location
            properties |= {"file": at.file, "line": str(at.line), "col": str(at.column)}
        listed = ",".join(f"{key}={_property(properties[key])}" for key in sorted(properties))
        path = f"{found.path}: " if found.path else ""
        text = "\n".join([f"{path}{found.message}", *found.trace])
        if found.hint:
            text += f"\nhint: {found.hint}"
        lines.append(f"::{_COMMANDS[found.severity]} {listed}::{_data(text)}\n")
    for case in report.cases:
        if case.fault:
            head = f"file={_property(case.file)},title={_property(case.name)}"
            lines.append(f"::error {head}::{_data(case.fault)}\n")
    return "".join(lines)


def _data(text: str) -> str:
    # names of files come from outside: an escape sequence would speak to the terminal of the log
    text = "\n".join("\r".join(map(visible, line.split("\r"))) for line in text.split("\n"))
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

"""Findings for people: place, code, what is wrong, what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from meshc.diagnostics import CODES, Diagnostic, Severity
from meshc.render.report import Report

# (what a piece of text is, the text) -> the text, perhaps with colour
Paint = Callable[[str, str], str]


def plain(_: str, text: str) -> str:
    """No colour."""
    return text


def render(report: Report, paint: Paint = plain) -> str:
    """All findings, then one line that counts them."""
    blocks = format_findings(report.findings, paint)
    faults = [visible(f"{case.name}: {case.fault}") + "\n" for case in report.cases if case.fault]
    return blocks + "".join(faults) + summary(report, paint) + "\n"


def format_findings(findings: Iterable[Diagnostic], paint: Paint = plain) -> str:
    """The findings in their order, each a block of two to a few lines."""
    return "".join(format_diagnostic(found, paint) for found in findings)


def format_diagnostic(found: Diagnostic, paint: Paint = plain) -> str:
    """One finding, with its trace and hint.

    `mesh.yaml:14:7: E110 unknown key` / path: message / hint
    """
    code = CODES[found.code]
    place = f"{visible(str(found.location))}: " if found.location else ""
    head = paint("place", place) + paint(found.severity.value, f"{found.code} {code.title}")
    path = f"{found.path}: " if found.path else ""
    lines = [head, visible(f"   {path}{found.message}")]
    lines += [visible(f"     {step}") for step in found.trace]
    if found.accepted:
        lines.append(visible(f"   accepted: {found.accepted}"))
        return "".join(f"{line}\n" for line in lines)
    explain = f"(meshc validate --explain {found.code})"
    hint = visible(f"hint: {found.hint}   ") if found.hint else ""
    lines.append(f"   {paint('hint', hint)}{paint('dim', explain)}")
    return "".join(f"{line}\n" for line in lines)


def summary(report: Report, paint: Paint = plain) -> str:
    """`2 files: 1 error, 3 warnings`."""
    files = _count(len(report.files), "file")
    counts = [(s, report.count(s)) for s in Severity]
    words = {"error": "error", "warning": "warning", "info": "remark"}
    parts = [paint(s.value, _count(n, words[s.value])) for s, n in counts if n]
    return f"{files}: " + (", ".join(parts) if parts else paint("ok", "no findings"))


def visible(text: str) -> str:
    """Escapes what would move the cursor, start a line or speak to a CI runner: names of files
    and what other programs said come from outside."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"

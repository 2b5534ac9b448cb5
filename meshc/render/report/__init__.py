"""Findings for people and for machines: one file for each format.

A `Report` is what a run of `validate` or `verify` found; a format is a function from it to text.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable

from meshc.diagnostics import Diagnostic, Severity
from meshc.values import dataclass

FORMATS = ("text", "json", "sarif", "junit", "github")


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that was checked by name, such as an entry of `tests:`; `fault` is empty when
    it holds."""

    name: str
    file: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """`files` are all that were looked at, also those without findings. With `strict`, warnings
    count as failures."""

    files: tuple[str, ...]
    findings: tuple[Diagnostic, ...]
    strict: bool = False
    cases: tuple[Case, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether something in it must stop a pipeline."""
        return any(self.fails(found) for found in self.findings) or any(
            case.fault for case in self.cases
        )

    def fails(self, found: Diagnostic) -> bool:
        if found.severity is Severity.ERROR:
            return True
        return self.strict and found.severity is Severity.WARNING

    def count(self, severity: Severity) -> int:
        return sum(1 for found in self.findings if found.severity is severity)

    def of_file(self, file: str) -> tuple[Diagnostic, ...]:
        """The findings of one file; those without a place, or at a place in another file (the
        lock, an emitted one), belong to the first."""
        first = self.files[:1] == (file,)
        return tuple(
            found
            for found in self.findings
            if (found.location and found.location.file == file)
            or (first and (not found.location or found.location.file not in self.files))
        )


def render(report: Report, form: str) -> str:
    """The report in one of `FORMATS`, ending with a newline unless it is empty."""
    if form not in FORMATS:
        raise ValueError(f"unknown format {form!r}")
    writer: Callable[[Report], str] = importlib.import_module(f"{__name__}.{form}").render
    return writer(report)

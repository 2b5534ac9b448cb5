"""A diagnostic: one finding, and its location in a file."""

from __future__ import annotations

from meshc.diagnostics.codes import CODES, Severity
from meshc.values import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a file; line and column count from 1, as editors do."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding. `path` is the dotted place in the document, `nodes.paris.routes[0]`; `accepted`
    is the reason that the file gives for a warning that is meant, which makes it a remark."""

    code: str
    message: str
    location: Location | None = None
    path: str = ""
    hint: str = ""
    trace: tuple[str, ...] = ()
    accepted: str = ""

    @property
    def severity(self) -> Severity:
        return Severity.INFO if self.accepted else CODES[self.code].severity

    def sort_key(self) -> tuple[str, int, int, str, str]:
        at = self.location or Location("", 0, 0)
        return (at.file, at.line, at.column, self.code, self.message)

"""What a rule is: a number with a severity, a title and an explanation."""

from __future__ import annotations

from enum import Enum

from meshc.values import dataclass


class Severity(Enum):
    """How much a finding matters; the values are the words that are printed."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Code:
    """One rule: its title (a few words) and the text of `meshc validate --explain`."""

    id: str
    title: str
    explanation: str

    @property
    def severity(self) -> Severity:
        return {"E": Severity.ERROR, "W": Severity.WARNING, "I": Severity.INFO}[self.id[0]]

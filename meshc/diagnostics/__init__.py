"""Findings about a topology: what is wrong, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshc.diagnostics.codes import CODES, Code, Severity
from meshc.diagnostics.diagnostic import Diagnostic, Location
from meshc.errors import Refused
from meshc.values import dataclass, field

__all__ = ["CODES", "Code", "Diagnostic", "Diagnostics", "Location", "Severity"]


@dataclass(slots=True)
class Diagnostics:
    """Collects the findings of a stage, so that a user sees all of them at once."""

    items: list[Diagnostic] = field(default_factory=list)
    _seen: set[Diagnostic] = field(default_factory=set, repr=False, compare=False)

    def add(
        self,
        code: str,
        message: str,
        location: Location | None = None,
        *,
        path: str = "",
        hint: str = "",
        trace: Iterable[str] = (),
    ) -> None:
        """Records a finding. Raises: KeyError for a code that is not in the catalogue (a bug)."""
        CODES[code]
        self.extend([Diagnostic(code, message, location, path, hint, tuple(trace))])

    def extend(self, found: Iterable[Diagnostic]) -> None:
        for item in found:
            if item not in self._seen:
                self._seen.add(item)
                self.items.append(item)

    @property
    def has_errors(self) -> bool:
        return any(d.severity is Severity.ERROR for d in self.items)

    def barrier(self) -> None:
        """Ends the stage. Raises: Refused when an error has been collected."""
        if self.has_errors:
            raise Refused(self.sorted())

    def sorted(self) -> list[Diagnostic]:
        return sorted(self.items, key=Diagnostic.sort_key)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.sorted())

    def __len__(self) -> int:
        return len(self.items)

"""The verdict: what a proof says in the end, small enough to travel between processes."""

from __future__ import annotations

from collections.abc import Mapping

from meshc.diagnostics import Diagnostic, Severity
from meshc.values import dataclass

# A matrix of so many nodes can be read by a person; the paths of larger networks stay behind.
READABLE = 60

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`pairs` counts the ordered pairs of each address family: (all, delivered, in one hop).

    `paths` has the longer of both families' paths for every ordered pair, ends included, empty
    when it is lost; None for a network of more than READABLE nodes. `findings` are sorted.
    """

    pairs: Mapping[int, tuple[int, int, int]]
    paths: Mapping[tuple[str, str], Path] | None
    findings: tuple[Diagnostic, ...]

    @property
    def holds(self) -> bool:
        """Whether no finding is an error."""
        return all(found.severity is not Severity.ERROR for found in self.findings)

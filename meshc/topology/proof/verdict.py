"""The verdict: what a proof says in the end, small enough to travel between processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from meshc.diagnostics import Diagnostic, Severity
from meshc.values import dataclass

# A matrix of so many nodes can be read by a person; the paths of larger networks stay behind.
READABLE = 60

Path = tuple[str, ...]


class PairCounts(NamedTuple):
    """Ordered pairs of one family: `direct` are those delivered in one hop, `apart` are lost as
    the topology declares, of `unjudged` ones nothing is claimed."""

    all: int
    delivered: int
    direct: int
    apart: int = 0
    unjudged: int = 0

    @property
    def lost(self) -> int:
        """Those that should arrive, and are known not to."""
        return self.all - self.delivered - self.apart - self.unjudged


@dataclass(frozen=True, slots=True)
class Verdict:
    """`pairs` counts the ordered pairs of each address family.

    `paths` has the longer of both families' paths for every ordered pair, ends included, empty
    when it is lost; None for a network of more than READABLE nodes. `findings` are sorted. `apart`
    are the pairs of which the first may begin nothing with the second, in networks with `paths`.
    """

    pairs: Mapping[int, PairCounts]
    paths: Mapping[tuple[str, str], Path] | None
    findings: tuple[Diagnostic, ...]
    apart: frozenset[tuple[str, str]] = frozenset()

    @property
    def holds(self) -> bool:
        """Whether no finding is an error."""
        return all(found.severity is not Severity.ERROR for found in self.findings)

"""The separation table: which pairs of nodes are declared apart, in arrays."""

from __future__ import annotations

import numpy as np

from meshc.topology.obligations.separation import NO_SIDE, Separation, Signature
from meshc.topology.proof.peer_table import Bools, Ints
from meshc.values import dataclass


@dataclass(slots=True)
class SeparationTable:
    """`kind[n]` is a number for node n's signature: nodes of one kind are declared apart from the
    same others. `table[a, b]` is whether kinds a and b are."""

    kind: Ints
    table: Bools

    def apart(self, sources: Ints, targets: Ints) -> Bools:
        """Whether each pair is declared apart."""
        found: Bools = self.table[self.kind[sources], self.kind[targets]]
        return found


def separation_table(
    names: tuple[str, ...], separation: Separation, family: int
) -> SeparationTable:
    """The table of all nodes in one family."""
    signatures = separation.signatures(family)
    numbers: dict[Signature, int] = {}
    kind = [numbers.setdefault(signatures.get(name, NO_SIDE), len(numbers)) for name in names]
    sends, receives = (np.zeros((len(numbers), len(separation.sides)), np.float32) for _ in "ab")
    for (out, in_), number in numbers.items():
        sends[number, list(out)] = 1
        receives[number, list(in_)] = 1
    there = (sends @ receives.T) > 0
    return SeparationTable(np.array(kind, np.int32), there | there.T)

"""The separation table: which pairs are declared apart, or may begin nothing, in arrays."""

from __future__ import annotations

import numpy as np

from meshc.topology.obligations.obligations import Obligations
from meshc.topology.obligations.separation import NO_SIDE
from meshc.topology.proof.peer_table import Bools, Ints
from meshc.values import dataclass


@dataclass(slots=True)
class SeparationTable:
    """`kind[n]` is a number for node n's part in tests and policies: nodes of one kind are apart
    from the same others. `table[a, b]` is whether kinds a and b are; `silent[a, b]` whether
    policies let a begin nothing with b, although b may begin something."""

    kind: Ints
    table: Bools
    silent: Bools

    def apart(self, sources: Ints, targets: Ints) -> Bools:
        """Whether each pair is declared apart."""
        found: Bools = self.table[self.kind[sources], self.kind[targets]]
        return found

    def quiet(self, sources: Ints, targets: Ints) -> Bools:
        """Whether nothing may begin at each source for its target."""
        found: Bools = self.silent[self.kind[sources], self.kind[targets]]
        return found


def separation_table(
    names: tuple[str, ...], obligations: Obligations, family: int
) -> SeparationTable:
    """The table of all nodes in one family."""
    separation, access = obligations.separation, obligations.access
    signatures = separation.signatures(family)
    numbers: dict[object, int] = {}
    sides = []
    kind = []
    for name in names:
        tests = signatures.get(name, NO_SIDE)
        sends: frozenset[int] = frozenset()
        receives: frozenset[int] = frozenset()
        for address in obligations.around.addresses.get(name, ()) if access is not None else ():
            if access is not None and address.family == family:
                sends |= access.senders[family].at(address.value)
                receives |= access.receivers[family].at(address.value)
        key = (tests, sends, receives)
        if key not in numbers:
            numbers[key] = len(numbers)
            sides.append(key)
        kind.append(numbers[key])
    there = _meet([key[0] for key in sides], len(separation.sides))
    table = there | there.T
    silent = np.zeros_like(table)
    if access is not None:
        allowed = _meet([(key[1], key[2]) for key in sides], len(access.rules))
        silent = ~allowed
        table = table | ~(allowed | allowed.T)
    return SeparationTable(np.array(kind, np.int32), table, silent)


def _meet(sides: list[tuple[frozenset[int], frozenset[int]]], count: int) -> Bools:
    """Whether what one sends in is among what the other receives in."""
    sends, receives = (np.zeros((len(sides), count), np.float32) for _ in "ab")
    for number, (out, in_) in enumerate(sides):
        sends[number, list(out)] = 1
        receives[number, list(in_)] = 1
    found: Bools = (sends @ receives.T) > 0
    return found

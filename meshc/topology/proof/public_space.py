"""Public space: the atoms of a FIB that are a part of the internet."""

from __future__ import annotations

import numpy as np

from meshc.prefixes import BITS, Prefix
from meshc.topology.obligations.whereabouts import NOT_PUBLIC
from meshc.topology.proof.fib import Fib
from meshc.topology.proof.peer_table import Bools


def public_atoms(fib: Fib) -> Bools:
    """Those that lie in no range of private or special addresses."""
    result = np.ones(len(fib.owner), bool)
    top = 1 << (32 if fib.family == 4 else 128)
    special = [p for p in NOT_PUBLIC if p.family == fib.family]
    for atom in range(len(result)):
        first = fib.first(atom)
        last = (fib.bounds[atom] if atom < len(fib.bounds) else top) - 1
        result[atom] = first < top and not any(p.value <= first and last <= p.last for p in special)
    return result


def public_address(fib: Fib, atom: int) -> Prefix:
    """The first public address of an atom that has one."""
    first = fib.first(atom)
    for prefix in sorted(p for p in NOT_PUBLIC if p.family == fib.family):
        if prefix.value <= first <= prefix.last:
            first = prefix.last + 1
    return Prefix(fib.family, first, BITS[fib.family])

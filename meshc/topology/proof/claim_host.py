"""The hosts of a claim: who sends and who receives, as numbers of nodes and atoms.

A node is a host at its own address. A host on a LAN is an address behind a router, which is where
its packets enter the tunnel and where answers to it leave.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from meshc.prefixes import Prefix
from meshc.topology.obligations.claim import ClaimEnd
from meshc.topology.proof.fib import Fib
from meshc.topology.proof.peer_table import Ints
from meshc.topology.proof.trace_batch import DataPlane
from meshc.values import dataclass


@dataclass(frozen=True, slots=True)
class ClaimHost:
    """One host, or all hosts of one atom. `node` is the node itself or the router that it lies
    behind, -1 for the internet; `address` is one of the atom's. `written` is how the test calls
    it."""

    node: int
    atom: int
    address: int
    written: str
    outside: bool


def node_numbers(end: ClaimEnd, number: Mapping[str, int], fib: Fib) -> Ints:
    """The nodes of one end that have an address in this family."""
    found = (number[name] for name in end.nodes(fib.family) if name in number)
    return np.array([n for n in found if fib.home[n] >= 0], np.int32)


def node_hosts(numbers: Ints, names: tuple[str, ...], fib: Fib) -> Iterator[ClaimHost]:
    """The nodes as hosts."""
    for n in numbers.tolist():
        atom = int(fib.home[n])
        yield ClaimHost(n, atom, fib.first(atom), names[n], outside=False)


def outside_hosts(end: ClaimEnd, plane: DataPlane, *, sender: bool) -> Iterator[ClaimHost]:
    """What lies behind the prefixes of one end, an atom each. Nobody sends from an address that
    lies behind no router."""
    fib = plane.fib
    for prefix in end.prefixes:
        if prefix.family != fib.family:
            continue
        for atom in fib.atoms(prefix):
            router = int(fib.behind[atom])
            if fib.first(atom) > prefix.last or plane.pools[atom] or (sender and router < 0):
                continue
            yield _host(prefix, atom, router, fib)


def _host(prefix: Prefix, atom: int, router: int, fib: Fib) -> ClaimHost:
    address = max(fib.first(atom), prefix.value)
    return ClaimHost(router, atom, address, str(prefix), outside=True)

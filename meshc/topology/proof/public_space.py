"""Public space: the atoms of a FIB that are a part of the internet."""

from __future__ import annotations

import numpy as np

from meshc.prefixes import Prefix
from meshc.topology.proof.fib import Fib
from meshc.topology.proof.peer_table import Bools

# Private, shared, link-local, loopback, multicast, reserved.
_TEXT = (
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 "
    "192.168.0.0/16 198.18.0.0/15 224.0.0.0/3 ::/8 fc00::/7 fe80::/9 ff00::/8"
)
NOT_PUBLIC = tuple(Prefix.parse(text) for text in _TEXT.split())


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

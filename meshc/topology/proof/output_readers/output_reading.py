"""An output as it was read back: what its program does with the tunnel."""

from __future__ import annotations

from meshc.prefixes import Prefix
from meshc.values import dataclass
from meshc.wg.conf import Conf

MAIN = "main"
OWN = "own"
"""A table for a default route that WireGuard's own packets do not follow, as wg-quick(8) makes
one: its number matters to nobody."""


class OutputError(Exception):
    """What a program would refuse of its files, or cannot be read at all; never with a key."""


@dataclass(frozen=True, slots=True)
class OutputReading:
    """`conf` holds what a wg-quick file would: keys, addresses, peers, hooks (`%i` filled in).

    `routes` are (table, prefix), a table by MAIN, OWN or its number. `key_file` is where the
    program reads the private key. `exclusive` says that all names go to the tunnel's
    servers, `valid_mark` that answers to WireGuard's packets pass a strict rp_filter. `faults`
    are what the reader saw to be wrong by itself, `unknown` what it cannot judge.
    """

    conf: Conf
    interface: str
    routes: frozenset[tuple[str, Prefix]]
    key_file: str | None = None
    exclusive: bool = True
    valid_mark: bool = True
    faults: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def table_name(written: str) -> str:
    """The main table has a name and a number."""
    return MAIN if written in ("254", MAIN) else written

"""What a router really runs, read from its script: interface, peers, routes and firewall.

A router has no wg-quick. The file beside its script tells a person the same settings, but no
router reads it, so the proof does not either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from meshc.errors import ConfError, KeyFormatError, PrefixFormatError
from meshc.prefixes import Prefix
from meshc.topology.proof.netfilter import Firewall
from meshc.wg.conf import Conf

_T = TypeVar("_T")


@dataclass(frozen=True, eq=False)
class RouterScript:
    """`conf` holds what a wg-quick file would of interface and peers; its `table` is None where
    AllowedIPs become routes. `routes` lead into the tunnel besides."""

    conf: Conf
    firewall: Firewall
    routes: tuple[Prefix, ...] = ()


def parsed(parse: Callable[[str], _T], text: str, what: str, file: str, line: int) -> _T:
    """A value of a script. Raises: ConfError that does not repeat it: it may be a key."""
    try:
        return parse(text)
    except (KeyFormatError, PrefixFormatError, ValueError):
        raise ConfError(f"this is no {what}", file=file, line=line) from None

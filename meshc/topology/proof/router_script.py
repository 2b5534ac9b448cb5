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

OPENWRT = ".openwrt.sh"
ROUTEROS = ".rsc"
_T = TypeVar("_T")


@dataclass(frozen=True)
class RouterScript:
    """`conf` holds what a wg-quick file would of interface and peers; its `table` is None where
    AllowedIPs become routes. `routes` lead into the tunnel besides."""

    conf: Conf
    firewall: Firewall
    routes: tuple[Prefix, ...] = ()


def is_router_script(path: str) -> bool:
    """By the name that `meshc build` gives them."""
    return path.endswith((OPENWRT, ROUTEROS))


def read_script(text: str, *, file: str) -> RouterScript:
    """Reads a script by the ending of its name. Raises: ConfError for a value that no router
    would take."""
    from meshc.topology.proof import openwrt_router, routeros_router

    reader = openwrt_router if file.endswith(OPENWRT) else routeros_router
    return reader.read(text, file)


def parsed(parse: Callable[[str], _T], text: str, what: str, file: str, line: int) -> _T:
    """A value of a script. Raises: ConfError that does not repeat it: it may be a key."""
    try:
        return parse(text)
    except (KeyFormatError, PrefixFormatError, ValueError):
        raise ConfError(f"this is no {what}", file=file, line=line) from None

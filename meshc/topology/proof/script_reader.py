"""Reads the script of a router, whichever language it is written in."""

from __future__ import annotations

from meshc.topology.proof import openwrt_router, routeros_router
from meshc.topology.proof.expectation import OPENWRT_SCRIPT
from meshc.topology.proof.router_script import RouterScript


def read_script(text: str, *, file: str) -> RouterScript:
    """The language is told by the ending of the name. Raises: ConfError for a value that no router
    would take."""
    read = openwrt_router.read if file.endswith(OPENWRT_SCRIPT) else routeros_router.read
    return read(text, file)

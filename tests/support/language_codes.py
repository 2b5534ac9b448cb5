"""The codes that the language finds in a small file."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.topology.language.load import load_spec

HEAD = "meshc: 1\nnetwork: {name: demo, addresses: %s}\n"


def codes(nodes: str, *, pools: str = "10.44.0.0/24", more: str = "") -> list[str]:
    diagnostics = Diagnostics()
    text = HEAD % pools + more + f"nodes: {{{nodes}}}\n"
    load_spec(text, file="f", diagnostics=diagnostics)
    return [found.code for found in diagnostics]

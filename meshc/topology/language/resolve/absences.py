"""Nodes that are in the file and not in the network: not enabled, or past their last day."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshc.diagnostics import Diagnostics
from meshc.topology.language.read.document import Document
from meshc.topology.language.read.parsed_file import Path
from meshc.topology.language.resolve.layers import Layers
from meshc.topology.language.wording import quote


def take_out(
    document: Document, layers: Layers, today: str, diagnostics: Diagnostics
) -> dict[str, str]:
    """Moves them from `document.nodes` to `document.absent`, says so, and returns the last day of
    every node that has one. `today` is a date as text, or empty where nothing expires. A `dns` that
    names one of them is an error: it would be taken for a domain to search."""
    last_days: dict[str, str] = {}
    if not any("enabled" in keys or "expires" in keys for _, keys in _sections(document)):
        return last_days
    for name in list(document.nodes):
        keys = layers.merge(name)
        if "expires" in keys:
            last_days[name] = keys["expires"]
        if keys.get("enabled") is False:
            code, why, hint = "I138", "is not enabled", "`enabled: true` brings it back."
        elif today and keys.get("expires", today) < today:
            code, why = "W139", f"expired on {keys['expires']}"
            hint = "set a later date, or remove the node."
        else:
            continue
        message = f"{quote(name)} is left out: it {why}"
        document.report(diagnostics, code, message, ("nodes", name), hint, key=True)
        document.absent.add(name)
    for name in document.absent:
        del document.nodes[name]
    if document.absent:
        _check_dns(document, diagnostics)
    return last_days


def _sections(document: Document) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every section that can hold node keys, and its place."""
    yield ("network",), document.network
    yield ("defaults",), document.defaults
    for table, sections in (
        ("groups", document.groups),
        ("sites", document.sites),
        ("nodes", document.nodes),
    ):
        for name, keys in sections.items():
            yield (table, name), keys


def _check_dns(document: Document, diagnostics: Diagnostics) -> None:
    for path, keys in _sections(document):
        for index, word in enumerate(keys.get("dns", ())):
            if word in document.absent:
                document.report(
                    diagnostics,
                    "E135",
                    f"the name server {quote(word)} is left out",
                    (*path, "dns", index),
                    f"enable {quote(word)}, or name another.",
                )

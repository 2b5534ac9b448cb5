"""What `exit_except` keeps out of the tunnel: whether it says anything, and leaves anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshc.diagnostics import Diagnostics
from meshc.prefixes import DEFAULT_V4, DEFAULT_V6, InterfaceAddress, without
from meshc.topology.language.read.document import Document
from meshc.topology.language.read.parsed_file import Path
from meshc.topology.language.resolve.locations import Locations
from meshc.topology.language.schema.value_kinds import OWN_LAN
from meshc.topology.language.spec import NodeSpec, Spec
from meshc.topology.language.wording import quote

_KEY = "exit_except"


def check_kept_out(spec: Spec, document: Document, diagnostics: Diagnostics) -> None:
    """W140 for host bits, W147 without an exit or for `own_lan` of no LAN, E169 when
    nothing is left for the exit."""
    tables = dict(_tables(document))
    for table, data in tables.items():
        _host_bits(document, diagnostics, (*table, _KEY), data.get(_KEY, []))
    placeless: dict[Path, list[NodeSpec]] = {}
    for node in spec.nodes.values():
        path = node.locations.path(_KEY) if isinstance(node.locations, Locations) else None
        if path is None:
            continue
        site = spec.sites.get(node.site or "")
        if node.exit is None:
            _without_exit(document, diagnostics, node)
        elif OWN_LAN in tables[path[:-1]][_KEY] and not (site and site.lan):
            placeless.setdefault(path, []).append(node)
        if node.exit_except and not without((DEFAULT_V4, DEFAULT_V6), node.exit_except):
            document.report(
                diagnostics,
                "E169",
                f"`exit_except` of {quote(node.name)} leaves nothing for the exit "
                f"{quote(node.exit or '')}",
                path,
                "say `exit: none` instead, or leave less out.",
                key=True,
            )
    for path, nodes in placeless.items():
        _no_lan(document, diagnostics, path, nodes)


def _tables(document: Document) -> Iterator[tuple[Path, dict[str, Any]]]:
    yield ("defaults",), document.defaults
    yield from ((("sites", name), data) for name, data in document.sites.items())
    yield from ((("groups", name), data) for name, data in document.groups.items())
    yield from ((("nodes", name), data) for name, data in document.nodes.items())


def _host_bits(
    document: Document, diagnostics: Diagnostics, path: Path, written: list[str | InterfaceAddress]
) -> None:
    for index, item in enumerate(written):
        if isinstance(item, InterfaceAddress) and item.network.value != item.value:
            document.report(
                diagnostics,
                "W140",
                f"{item} has host bits set; it is read as {item.network}",
                (*path, index),
                f"write {item.network}.",
            )


def _without_exit(document: Document, diagnostics: Diagnostics, node: NodeSpec) -> None:
    """Only what the node's own entry says: what is inherited may well be for others."""
    own = document.nodes[node.name]
    damaged = ("nodes", node.name) in document.damaged
    if own.get(_KEY) and "exit" not in own and not damaged:
        document.report(
            diagnostics,
            "W147",
            f"`exit_except` of {quote(node.name)} has no effect: the node uses no exit",
            ("nodes", node.name, _KEY),
            "add `exit`, or remove it.",
            key=True,
        )


def _no_lan(
    document: Document, diagnostics: Diagnostics, path: Path, nodes: list[NodeSpec]
) -> None:
    others = f" and {len(nodes) - 1:,} more" if len(nodes) > 1 else ""
    why = "it has no site"
    if nodes[0].site is not None:
        why = f"site {quote(nodes[0].site)} has no `lan`"
    document.report(
        diagnostics,
        "W147",
        f"`own_lan` means nothing for {quote(nodes[0].name)}{others}: {why}",
        path,
        "give the site its `lan`, or say `private`, which holds most LANs.",
        key=True,
    )

"""Names in a file -> the nodes they mean; a name that nobody has is a diagnostic."""

from __future__ import annotations

from collections.abc import Sequence

from meshc.diagnostics import Diagnostics
from meshc.topology.language.read.document import Document
from meshc.topology.language.read.parsed_file import Path
from meshc.topology.language.wording import quote, suggest
from meshc.values import dataclass


@dataclass(slots=True)
class References:
    """Looks names up. Items of a list are reported at their own place."""

    document: Document
    diagnostics: Diagnostics

    def node(self, name: str, path: Path) -> str | None:
        """`name` if it is a node's, else None and a diagnostic; a node that is left out needs none:
        whatever is said about it holds again when it returns."""
        if name in self.document.nodes:
            return name
        if name in self.document.absent:
            return None
        if name in self.document.groups:
            self._add(
                "E130", f"{quote(name)} is a group; one node is meant here", path, "name a node."
            )
        else:
            self.unknown("node", name, path, tuple(self.document.nodes))
        return None

    def nodes(self, names: Sequence[str], path: Path) -> tuple[str, ...]:
        """The nodes of a list of nodes and groups, in order, each once."""
        found: dict[str, None] = {}
        for index, name in enumerate(names):
            if name in self.document.nodes:
                found[name] = None
            elif name in self.document.groups:
                found.update(dict.fromkeys(self.members(name)))
            elif name not in self.document.absent:
                known = (*self.document.nodes, *self.document.groups)
                self.unknown("node or group", name, (*path, index), known)
        return tuple(found)

    def members(self, group: str) -> tuple[str, ...]:
        """The nodes of a group that exist, without a diagnostic."""
        listed = self.document.groups[group].get("members", ())
        return tuple(dict.fromkeys(name for name in listed if name in self.document.nodes))

    def unknown(self, what: str, name: str, path: Path, known: tuple[str, ...]) -> None:
        hint = suggest(name, known) or f"define it under `{what.split()[0]}s:`, or correct it."
        self._add("E130", f"there is no {what} {quote(name)}", path, hint)

    def _add(self, code: str, message: str, path: Path, hint: str) -> None:
        self.document.report(self.diagnostics, code, message, path, hint)

"""Precedence: node, then group, then site, then defaults, then network; the nearest wins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshc.diagnostics import Diagnostics
from meshc.topology.language.read.document import Document
from meshc.topology.language.read.parsed_file import Path
from meshc.topology.language.resolve.locations import Layout, Locations
from meshc.topology.language.wording import quote
from meshc.values import dataclass, field

_NOT_INHERITED = frozenset({"members", "lan"})


@dataclass(slots=True)
class Layers:
    """Merges the settings of nodes; the outer layers of equal nodes are merged once."""

    document: Document
    memberships: Mapping[str, tuple[str, ...]]
    diagnostics: Diagnostics
    _merged: dict[tuple[tuple[str, ...], str | None], dict[str, Any]] = field(default_factory=dict)
    _places: dict[tuple[tuple[str, ...], str | None], Layout] = field(default_factory=dict)
    _conflicts: dict[tuple[str, ...], dict[str, tuple[str, str]]] = field(default_factory=dict)
    _reported: set[tuple[str, str, str]] = field(default_factory=set)

    def site_of(self, name: str) -> str | None:
        """The site of a node: its own, else its group's, else the defaults'."""
        document = self.document
        own = document.nodes[name].get("site")
        if own is not None:
            return str(own)
        for group in self.memberships.get(name, ()):
            if "site" in document.groups[group]:
                return str(document.groups[group]["site"])
        default = document.defaults.get("site")
        return None if default is None else str(default)

    def merge(self, name: str) -> dict[str, Any]:
        """Every key that some layer gives to a node (not the network's own keys)."""
        groups = self.memberships.get(name, ())
        node = self.document.nodes[name]
        if len(groups) > 1:
            self._check_conflicts(name, groups, node)
        outer = self._outer(groups, self.site_of(name))
        merged = {**outer, **node}
        if "deploy" in outer and "deploy" in node:
            merged["deploy"] = {**outer["deploy"], **node["deploy"]}
        return merged

    def locations(self, name: str) -> Locations:
        """Where the keys of a node stand."""
        document = self.document
        groups, site = self.memberships.get(name, ()), self.site_of(name)
        outer = self._places.get((groups, site))
        if outer is None:
            layers: list[tuple[Path, Mapping[str, Any]]] = [
                *((("groups", group), document.groups[group]) for group in groups),
                (("sites", site or ""), document.sites.get(site or "", {})),
                (("defaults",), document.defaults),
            ]
            outer = self._places[groups, site] = tuple(
                (path, tuple(word for word in layer if word not in _NOT_INHERITED))
                for path, layer in layers
            )
        return Locations(document.source, ((("nodes", name), document.nodes[name]), *outer))

    def _outer(self, groups: tuple[str, ...], site: str | None) -> dict[str, Any]:
        found = self._merged.get((groups, site))
        if found is None:
            found = {}
            document = self.document
            layers = [document.defaults, document.sites.get(site or "", {})]
            layers += [document.groups[group] for group in reversed(groups)]
            for layer in layers:
                deploy = {**found.get("deploy", {}), **layer.get("deploy", {})}
                found.update((k, v) for k, v in layer.items() if k not in _NOT_INHERITED)
                if deploy:
                    found["deploy"] = deploy
            self._merged[groups, site] = found
        return found

    def _check_conflicts(self, name: str, groups: tuple[str, ...], node: dict[str, Any]) -> None:
        conflicts = self._conflicts.get(groups)
        if conflicts is None:
            conflicts = self._conflicts[groups] = dict(self._disagreements(groups))
        for key, (one, other) in conflicts.items():
            if key in node or (one, other, key) in self._reported:
                continue
            self._reported.add((one, other, key))
            self.document.report(
                self.diagnostics,
                "E133",
                f"node {quote(name)} is in {quote(one)} and in {quote(other)}, "
                f"which disagree about `{key}`",
                ("groups", other, key),
                f"set `{key}` on the node itself, or in one of the two groups only.",
                key=True,
            )

    def _disagreements(self, groups: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, str]]]:
        first: dict[str, tuple[str, Any]] = {}
        for group in groups:
            for key, value in self.document.groups[group].items():
                if key in _NOT_INHERITED:
                    continue
                if key in first and first[key][1] != value:
                    yield key, (first[key][0], group)
                first.setdefault(key, (group, value))

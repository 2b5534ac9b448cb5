"""Precedence: node, then group, then site, then defaults, then network; the nearest wins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshc.diagnostics import Diagnostics, Location
from meshc.topology.document import Document
from meshc.topology.source import Path
from meshc.topology.words import quote
from meshc.values import dataclass, field

_NOT_INHERITED = frozenset({"members", "lan"})


@dataclass(slots=True)
class Layers:
    """Merges the settings of nodes; the outer layers of equal nodes are merged once."""

    document: Document
    memberships: Mapping[str, tuple[str, ...]]
    diagnostics: Diagnostics
    _merged: dict[tuple[tuple[str, ...], str | None], dict[str, Any]] = field(default_factory=dict)
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


class NodeLocations(Mapping[str, Location]):
    """Where the keys of a node stand, looked up when somebody asks: most never do."""

    __slots__ = ("_document", "_groups", "_name", "_site")

    def __init__(
        self, document: Document, name: str, groups: tuple[str, ...], site: str | None
    ) -> None:
        self._document = document
        self._name = name
        self._groups = groups
        self._site = site

    def path(self, key: str) -> Path | None:
        """The place in the document that gives `key` to the node."""
        word, _, index = key.partition("[")
        item: Path = (int(index[:-1]),) if index else ()
        document, name = self._document, self._name
        if not word:
            return ("nodes", name)
        if word in document.nodes[name]:
            return ("nodes", name, word, *item)
        for group in self._groups:
            if word in document.groups[group]:
                return ("groups", group, word, *item)
        if self._site and word in document.sites.get(self._site, ()) and word != "lan":
            return ("sites", self._site, word, *item)
        if word in document.defaults:
            return ("defaults", word, *item)
        return None

    def __getitem__(self, key: str) -> Location:
        path = self.path(key)
        if path is None:
            raise KeyError(key)
        return self._document.source.locate(path, key=not key)

    def __iter__(self) -> Iterator[str]:
        layers: list[Mapping[str, Any]] = [self._document.nodes[self._name]]
        layers += [self._document.groups[group] for group in self._groups]
        layers += [self._document.sites.get(self._site or "", {}), self._document.defaults]
        keys = dict.fromkeys(key for layer in layers for key in layer if key not in _NOT_INHERITED)
        return iter(("", *keys))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class SectionLocations(Mapping[str, Location]):
    """Where the keys of one section stand."""

    __slots__ = ("_path", "_source", "_value")

    def __init__(self, document: Document, path: Path, value: Mapping[str, Any]) -> None:
        self._source = document.source
        self._path = path
        self._value = value

    def __getitem__(self, key: str) -> Location:
        word, _, index = key.partition("[")
        if word and word not in self._value:
            raise KeyError(key)
        item: Path = (int(index[:-1]),) if index else ()
        path = (*self._path, word, *item) if word else self._path
        return self._source.locate(path, key=not word)

    def __iter__(self) -> Iterator[str]:
        return iter(("", *self._value))

    def __len__(self) -> int:
        return len(self._value) + 1

"""A parsed file -> its sections, each read against the schema.

Every node, link and test is read by itself: one with a mistake loses just the keys that are
wrong, so that the checks that follow still see everything else and all mistakes of a file come
out in one run. What was lost is remembered in `damaged`, so that nobody complains about
the absence of a key that is there but wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshc.diagnostics import Diagnostics
from meshc.topology.language.read.foreign_words import foreign_word
from meshc.topology.language.read.includes import FREE
from meshc.topology.language.read.parsed_file import ParsedFile, Path
from meshc.topology.language.schema import scalars, sections
from meshc.topology.language.schema.fields import MissingKey, UnknownKey
from meshc.topology.language.schema.scalars import Mistake
from meshc.topology.language.wording import describe, listing, quote, suggest
from meshc.values import dataclass, field

TOP = (
    "meshc",
    "include",
    "network",
    "sites",
    "nodes",
    "groups",
    "defaults",
    "links",
    "policies",
    "tests",
    "lab",
    "accept",
    "keys",
)
# words with a meaning of their own in `direct`, `via`, `exit` and `tests`, or files of a build
RESERVED = frozenset({"all", "none", "relays", "direct", "hosts", "manifest.json"})
_IDENTITY = ("endpoint", "lan_endpoint", "address", "routes", "public_key")


@dataclass(slots=True)
class Document:
    """The sections as dictionaries that hold the keys which the file gives, already read.
    `links`, `policies` (None when there is no such section) and `tests` keep their index in the
    file. `absent` are nodes that were taken out of `nodes` because they are not to be there, so
    that their names are known all the same."""

    source: ParsedFile
    network: dict[str, Any] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    sites: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    links: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    policies: list[tuple[int, dict[str, Any]]] | None = None
    tests: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    lab: dict[str, Any] = field(default_factory=dict)
    accept: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    keys: dict[str, Any] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    damaged: set[Path] = field(default_factory=set)

    def report(
        self,
        diagnostics: Diagnostics,
        code: str,
        message: str,
        path: Path,
        hint: str = "",
        *,
        key: bool = False,
    ) -> None:
        """Records a finding about the value at `path`, or about its key."""
        diagnostics.add(
            code,
            message,
            self.source.locate(path, key=key),
            path=format_path(self.source.actual(path)),
            hint=hint,
        )


def read_document(source: ParsedFile, diagnostics: Diagnostics) -> Document | None:
    """None when there is nothing to work on; mistakes are in `diagnostics`."""
    if not isinstance(source.data, dict):
        got = "the file is empty" if source.data is None else f"got {describe(source.data)}"
        diagnostics.add(
            "E112",
            f"expected a mapping with `meshc`, `network` and `nodes`, {got}",
            source.locate(()),
            hint="`meshc init FILE` writes a starter file.",
        )
        return None
    return _DocumentReader(source, diagnostics).read()


def format_path(path: Path) -> str:
    """`('nodes', 'paris', 'routes', 0)` -> `nodes.paris.routes[0]`; odd names are quoted."""
    parts: list[str] = []
    for step in path:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        else:
            word = step if step.replace("_", "a").replace("-", "a").isalnum() else quote(step)
            parts.append(f".{word}" if parts else word)
    return "".join(parts)


class _DocumentReader:
    def __init__(self, source: ParsedFile, diagnostics: Diagnostics) -> None:
        self.source = source
        self.diagnostics = diagnostics
        self.document = Document(source)

    def read(self) -> Document:
        data = self.source.data
        document = self.document
        self._version()
        for key in data:
            if key not in TOP and not key.startswith(FREE):
                self._unknown((key,), TOP, "")
        document.network = self._network()
        document.defaults = self._section("defaults", ("defaults",), data.get("defaults", {}))
        document.sites = self._table("site", "sites")
        document.groups = self._table("group", "groups")
        document.nodes = self._table("node", "nodes")
        if "nodes" not in data:
            self._missing((), "nodes")
        document.links = list(self._items("link", "links"))
        if "policies" in data:
            document.policies = list(self._items("policy", "policies"))
            if data["policies"] is None:
                hint = "[] allows nothing to anybody; without the section everything is allowed."
                self._wrong(("policies",), "a list of rules", None, hint)
        document.tests = list(self._items("test", "tests"))
        document.lab = self._section("lab", ("lab",), data.get("lab", {}))
        document.accept = list(self._items("accept", "accept"))
        document.keys = self._section("keys", ("keys",), data.get("keys", {}))
        self._names()
        return document

    def _version(self) -> None:
        data = self.source.data
        if "meshc" not in data:
            self._missing((), "meshc")
        elif type(data["meshc"]) is not int or data["meshc"] != sections.LANGUAGE_VERSION:
            self._add(
                "E106",
                f"expected the language version 1, got {describe(data['meshc'])}",
                ("meshc",),
                "write `meshc: 1`; a higher number needs a newer meshc.",
            )

    def _network(self) -> dict[str, Any]:
        data = self.source.data
        if "network" not in data:
            self._missing((), "network")
            return {}
        network = self._section("network", ("network",), data["network"])
        whole = ("network",) not in self.document.damaged
        if whole and not network["addresses"]:
            self._add(
                "E111",
                "a network needs at least one pool of addresses",
                ("network", "addresses"),
                "for example [10.44.0.0/24].",
            )
        return network

    def _table(self, section: str, key: str) -> dict[str, dict[str, Any]]:
        """A mapping from names to sections."""
        table = self.source.data.get(key)
        if table is None:
            return {}
        if not isinstance(table, dict):
            hint = "write `name:` and its settings, without a `-` in front." * (
                isinstance(table, list)
            )
            self._wrong((key,), "a mapping from names to their settings", table, hint)
            return {}
        return {name: self._section(section, (key, name), value) for name, value in table.items()}

    def _items(self, section: str, key: str) -> Iterator[tuple[int, dict[str, Any]]]:
        """A list of sections; an item that lacks what it needs is left out."""
        items = self.source.data.get(key)
        if items is None:
            return
        if not isinstance(items, list):
            self._wrong((key,), "a list", items)
            return
        for index, value in enumerate(items):
            path: Path = (key, index)
            read = self._section(section, path, value)
            if path not in self.document.damaged:
                yield index, read

    def _section(self, section: str, path: Path, value: Any) -> dict[str, Any]:
        """Reads one section; on mistakes, what remains without the keys that are wrong."""
        if value is None:
            value = {}  # `laptop:` alone is a node without settings
        if section == "group" and isinstance(value, list | str):
            value = {"members": value}
        read, found = sections.SECTIONS[section].read(value)
        if not found:
            return read
        self.document.damaged.add(path)
        for where, mistake in found:
            self._report(section, path + where, mistake)
        if isinstance(value, dict):
            for name, placeholder in sections.PLACEHOLDERS.get(section, {}).items():
                read.setdefault(name, placeholder)
        return read

    def _report(self, section: str, where: Path, mistake: Mistake) -> None:
        if isinstance(mistake, MissingKey):
            self._missing(where[:-1], str(where[-1]))
        elif isinstance(mistake, UnknownKey):
            self._unknown(where, mistake.known, section)
        else:
            self._add(mistake.code, mistake.message, where, mistake.hint)

    def _unknown(self, where: Path, known: tuple[str, ...], section: str) -> None:
        key = str(where[-1])
        hint = foreign_word(key, section) or suggest(key, known)
        if section in ("group", "site", "defaults") and key in _IDENTITY:
            hint = f"`{key}` belongs to one node; set it there."
        hint = hint or f"known here: {listing(sorted(known))}."
        self._add("E110", f"unknown key {quote(key)}", where, hint, key=True)

    def _missing(self, where: Path, key: str) -> None:
        example = sections.EXAMPLES.get(key, "")
        self._add(
            "E111",
            f"`{key}` is missing",
            where,
            f"for example: {example}" if example else "add it.",
            key=True,
        )

    def _wrong(self, where: Path, what: str, value: Any, hint: str = "") -> None:
        self._add("E112", f"expected {what}, got {describe(value)}", where, hint)

    def _add(self, code: str, message: str, path: Path, hint: str, *, key: bool = False) -> None:
        self.document.report(self.diagnostics, code, message, path, hint, key=key)

    def _names(self) -> None:
        """Names of nodes, groups and sites: each fit for a file name, and each once."""
        seen: dict[str, tuple[str, str]] = {}
        for table, names in (("nodes", self.document.nodes), ("groups", self.document.groups)):
            for name in names:
                self._name((table, name))
                folded = name.casefold()
                if folded in seen:
                    first_table, other = seen[folded]
                    first = self.source.locate((first_table, other), key=True)
                    what = "the same name" if other == name else "differ only in upper case"
                    self._add(
                        "E116",
                        f"{quote(name)} and {quote(other)} in line {first.line}: {what}",
                        (table, name),
                        _CASE_HINT,
                        key=True,
                    )
                else:
                    seen[folded] = (table, name)
        for name in self.document.sites:
            self._name(("sites", name))

    def _name(self, path: tuple[str, str]) -> None:
        name = path[1]
        fault = scalars.name_fault(name)
        if fault:
            self._add(
                "E115",
                f"{quote(name)} cannot be a name: {fault}",
                path,
                scalars.NAME_HINT,
                key=True,
            )
        elif name.casefold() in RESERVED:
            self._add(
                "E116",
                f"{quote(name)} has a meaning of its own",
                path,
                f"these cannot be names: {listing(sorted(RESERVED))}.",
                key=True,
            )


_CASE_HINT = "nodes and groups share their names, and names become files: rename one."

"""`mesh.lock`: what must not change from one build to the next, and is not secret.

One line per node, each a JSON object of its own, sorted by name: adding a node adds a line, and
git merges two additions in different places without help. No clock is in it: removed nodes are
ordered by a counter, so that equal input gives an equal file.

The file is shared through git, so that nothing in it is trusted. Every line is read on its own: a
damaged one is named with its number and the others still count.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from meshc.diagnostics import Diagnostics, Location
from meshc.errors import KeyFormatError, PrefixFormatError
from meshc.keys import PublicKey
from meshc.prefixes import Prefix
from meshc.topology.planner.addressing.lock import Lock, LockedNode
from meshc.values import dataclass, field

__all__ = ["VERSION", "Lock", "LockedNode", "format_lock", "parse_lock"]

_T = TypeVar("_T")

VERSION = 1
MAX_LINE = 4096
MAX_LINES = 1 << 20
MAX_NUMBER = 1 << 53
CONFLICT_MARKS = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")
_NODE_KEYS = frozenset({"node", "removed", "addresses", "port", "public_key", "order"})


def format_lock(lock: Lock) -> str:
    """The text of the file; equal locks give equal text."""
    head = {"meshc_lock": VERSION, "network": lock.network, "epoch": lock.epoch}
    if lock.fingerprint:
        head["secret"] = lock.fingerprint
    lines = ["# Written by meshc build. Commit this file; it holds no secrets.", _line(head)]
    lines += [_node_line("node", name, lock.nodes[name]) for name in sorted(lock.nodes)]
    lines += [_node_line("removed", name, lock.removed[name]) for name in sorted(lock.removed)]
    lines += [_line({"revoked": key}) for key in sorted(set(lock.revoked))]
    return "\n".join(lines) + "\n"


def parse_lock(text: str, file: str, diagnostics: Diagnostics) -> Lock | None:
    """Reads a whole lock file; None, and errors, when it cannot be relied on. Never raises."""
    reader = _Reader(file)
    lines = text.split("\n", MAX_LINES)
    for reader.line, line in enumerate(lines, 1):
        if line.startswith(CONFLICT_MARKS):
            reader.add(
                "E311",
                "git left a merge conflict here",
                "take both sides: keep every line of both, without the marks; when both name the "
                "same node or address, keep the line of the branch that is deployed.",
            )
            break
        if line.strip() and not line.startswith("#"):
            reader.read(line)
    reader.finish()
    diagnostics.extend(reader.found)
    if reader.found.has_errors:
        return None
    return Lock(
        reader.network,
        reader.epoch,
        dict(sorted(reader.nodes.items())),
        dict(sorted(reader.removed.items())),
        tuple(sorted(set(reader.revoked))),
        reader.fingerprint,
    )


def _node_line(kind: str, name: str, node: LockedNode) -> str:
    fields: dict[str, object] = {kind: name}
    if node.addresses:
        fields["addresses"] = [prefix.address for prefix in node.addresses]
    if node.port is not None:
        fields["port"] = node.port
    if node.public_key is not None:
        fields["public_key"] = node.public_key
    if node.removed:
        fields["order"] = node.removed
    return _line(fields)


def _line(fields: Mapping[str, object]) -> str:
    return json.dumps(fields, ensure_ascii=True, separators=(", ", ": "))


class _BadLineError(Exception):
    """Carries what is wrong with a line to the one place that reports it."""


@dataclass(slots=True)
class _Reader:
    """What has been read so far; `line` is the number of the current line."""

    file: str
    line: int = 0
    headed: bool = False
    network: str = ""
    epoch: int = 1
    fingerprint: str = ""
    nodes: dict[str, LockedNode] = field(default_factory=dict)
    removed: dict[str, LockedNode] = field(default_factory=dict)
    revoked: list[PublicKey] = field(default_factory=list)
    holder: dict[Prefix, tuple[str, int]] = field(default_factory=dict)
    found: Diagnostics = field(default_factory=Diagnostics)

    def add(self, code: str, message: str, hint: str) -> None:
        self.found.add(code, message, Location(self.file, self.line, 1), hint=hint)

    def read(self, line: str) -> None:
        """One line that is not empty; whatever is wrong with it becomes a finding."""
        try:
            fields = _object(line)
            if not self.headed:
                self._header(fields)
            elif "revoked" in fields:
                self.revoked.append(_key(fields["revoked"]))
            else:
                self._node(fields)
        except _BadLineError as error:
            self.add("E310", str(error), "restore the file from git; meshc build writes it anew.")

    def finish(self) -> None:
        if not self.headed and not self.found.has_errors:
            self.line = 1
            self.add(
                "E310",
                "the file is empty or not a lock file of meshc",
                "restore it from git; without any lock file every address is chosen anew.",
            )

    def _header(self, fields: dict[str, object]) -> None:
        self.headed = True
        version = _number(fields.get("meshc_lock"), "meshc_lock", 1)
        if version > VERSION:
            self.add(
                "E312",
                f"the lock file has version {version}; this meshc knows {VERSION}",
                "update meshc: somebody built this network with a newer one.",
            )
        self.network = _text(fields.get("network", ""), "network")
        self.epoch = _number(fields.get("epoch", 1), "epoch", 1)
        self.fingerprint = _text(fields.get("secret", ""), "secret")

    def _node(self, fields: dict[str, object]) -> None:
        unknown = sorted(set(fields) - _NODE_KEYS)
        if unknown or ("node" in fields) == ("removed" in fields):
            raise _BadLineError("a line holds one `node`, one `removed` or one `revoked` entry")
        gone = "removed" in fields
        name = _text(fields.get("removed" if gone else "node"), "the name")
        addresses = fields.get("addresses", [])
        if not name or not isinstance(addresses, list) or len(addresses) > 8:
            raise _BadLineError("a name and a short list of addresses are needed")
        prefixes = tuple(sorted(_address(item) for item in addresses))
        port = fields.get("port")
        public = fields.get("public_key")
        entry = LockedNode(
            prefixes,
            None if port is None else _number(port, "port", 1, 65535),
            None if public is None else _key(public),
            _number(fields.get("order", 1), "order", 1) if gone else 0,
        )
        self._keep(name, entry, gone=gone)

    def _keep(self, name: str, entry: LockedNode, *, gone: bool) -> None:
        """Files the entry, unless a merge has doubled it."""
        if name in self.nodes or name in self.removed:
            self.add(
                "E313",
                f"{_quote(name)} is in the lock file twice",
                "keep the line of the branch that is deployed and delete the other.",
            )
            return
        (self.removed if gone else self.nodes)[name] = entry
        for prefix in entry.addresses:
            other = self.holder.setdefault(prefix, (name, self.line))
            if other[0] != name and not gone and other[0] in self.nodes:
                self.add(
                    "E313",
                    f"{_quote(name)} and {_quote(other[0])} (line {other[1]}) both hold "
                    f"{prefix.address}",
                    "delete the line of the one that is not deployed yet; it gets a new address.",
                )


def _object(line: str) -> dict[str, object]:
    if len(line) > MAX_LINE:
        raise _BadLineError("the line is too long")
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise _BadLineError("the line is not a JSON object") from None
    if not isinstance(value, dict):
        raise _BadLineError("the line is not a JSON object")
    return cast("dict[str, object]", value)


def _number(value: object, what: str, least: int, most: int = MAX_NUMBER) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise _BadLineError(f"{what} must be a whole number from {least} to {most}")
    return value


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or len(value) > 255:
        raise _BadLineError(f"{what} must be a short text")
    return value


def _parsed(value: object, read: Callable[[str], _T], what: str) -> _T:
    try:
        return read(_text(value, what))
    except (KeyFormatError, PrefixFormatError):
        raise _BadLineError(f"{what} cannot be read") from None


def _address(value: object) -> Prefix:
    return _parsed(value, Prefix.host, "an address")


def _key(value: object) -> PublicKey:
    return _parsed(value, PublicKey.parse, "a public key")


def _quote(name: str) -> str:
    """A name from the file for a message: one line, no control characters."""
    return json.dumps(name)[:80]

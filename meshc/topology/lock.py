"""`mesh.lock`: what must not change from one build to the next, and is not secret.

One line per node, each a JSON object of its own, sorted by name: adding a node adds a line, and
git merges two additions in different places without help. No clock is in it: removed nodes are
ordered by a counter, so that equal input gives an equal file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from meshc.keys import PublicKey
from meshc.prefixes import Prefix

VERSION = 1


@dataclass(frozen=True, slots=True)
class LockedNode:
    """What is kept for one node. `addresses` are host prefixes, sorted. `removed` is 0 for a node
    of the network, else the counter's value when it left: lower means longer gone."""

    addresses: tuple[Prefix, ...] = ()
    port: int | None = None
    public_key: PublicKey | None = None
    removed: int = 0


@dataclass(frozen=True, slots=True)
class Lock:
    """A whole lock file; both mappings are sorted by name.

    `removed` holds the nodes that left: their addresses stay unused while the pool has room.
    `revoked` are public keys that must never be emitted again.
    """

    network: str = ""
    epoch: int = 1
    nodes: Mapping[str, LockedNode] = field(default_factory=lambda: MappingProxyType({}))
    removed: Mapping[str, LockedNode] = field(default_factory=lambda: MappingProxyType({}))
    revoked: tuple[PublicKey, ...] = ()


def format_lock(lock: Lock) -> str:
    """The text of the file; equal locks give equal text."""
    head = {"meshc_lock": VERSION, "network": lock.network, "epoch": lock.epoch}
    lines = ["# Written by meshc build. Commit this file; it holds no secrets.", _line(head)]
    lines += [_node_line("node", name, lock.nodes[name]) for name in sorted(lock.nodes)]
    lines += [_node_line("removed", name, lock.removed[name]) for name in sorted(lock.removed)]
    lines += [_line({"revoked": key}) for key in sorted(set(lock.revoked))]
    return "\n".join(lines) + "\n"


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

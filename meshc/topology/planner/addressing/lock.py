"""What the lock file says, as values: the part of a network that builds do not change."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from meshc.keys import PublicKey
from meshc.prefixes import Prefix
from meshc.values import dataclass, field


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
    `revoked` are public keys that must never be emitted again. `fingerprint` is that of the
    network's secret, empty in a lock file from before there was one.
    """

    network: str = ""
    epoch: int = 1
    nodes: Mapping[str, LockedNode] = field(default_factory=lambda: MappingProxyType({}))
    removed: Mapping[str, LockedNode] = field(default_factory=lambda: MappingProxyType({}))
    revoked: tuple[PublicKey, ...] = ()
    fingerprint: str = ""

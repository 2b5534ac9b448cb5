"""The pending rotation: which nodes still get a new key while the network runs, and from which.

It stands in `mesh.rotation` beside the topology until all is done, and holds no secret. What has
happened follows from it and the lock file: a node that still has the key named here has not begun.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from meshc.errors import KeyFormatError, StateError
from meshc.files import read_regular, write_atomic
from meshc.keys import PublicKey
from meshc.values import dataclass, field

VERSION = 1


@dataclass(frozen=True, slots=True)
class PendingRotation:
    """`nodes` are those that are left, each with the key that it had; `begun` is the one whose key
    is being replaced here, empty for none. `epoch` is that of the pre-shared keys that are to be
    replaced, 0 for none."""

    nodes: Mapping[str, PublicKey] = field(default_factory=dict)
    epoch: int = 0
    begun: str = ""

    def __bool__(self) -> bool:
        return bool(self.nodes or self.epoch)

    def without(self, name: str) -> PendingRotation:
        left = {n: key for n, key in self.nodes.items() if n != name}
        return replace(self, nodes=left, begun="")


def pending_path(topology: Path) -> Path:
    return topology.with_suffix(".rotation")


def read_pending(topology: Path) -> PendingRotation:
    """Empty where nothing is left to do. Raises: StateError."""
    path = pending_path(topology)
    text = read_regular(path)
    if text is None:
        return PendingRotation()
    try:
        whole = json.loads(text)
        if whole["version"] != VERSION:
            raise ValueError
        nodes = {str(name): PublicKey.parse(str(key)) for name, key in whole["nodes"].items()}
        return PendingRotation(nodes, int(whole["epoch"]), str(whole["begun"]))
    except (ValueError, KeyError, TypeError, AttributeError, KeyFormatError):
        raise StateError(
            f"{path} is not what a rotation leaves",
            hint="take it away, and see with `meshc plan` what is not deployed yet",
        ) from None


def write_pending(topology: Path, pending: PendingRotation) -> None:
    """The file goes when nothing is left. Raises: OSError."""
    path = pending_path(topology)
    if not pending:
        path.unlink(missing_ok=True)
        return
    nodes = {name: str(key) for name, key in pending.nodes.items()}
    whole = {"version": VERSION, "nodes": nodes, "epoch": pending.epoch, "begun": pending.begun}
    write_atomic(path, json.dumps(whole, indent=1).encode() + b"\n")

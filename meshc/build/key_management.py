"""The key management of a workspace: its keys and its lock file, held while they are changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meshc.build.lock_file import read_lock, require_lock, write_lock
from meshc.build.topology_file import read_spec
from meshc.build.workspace import Workspace
from meshc.diagnostics import Diagnostics
from meshc.keystore.rotation import KeyChanges
from meshc.topology.planner.addressing.lock_fit import check_lock


@contextmanager
def managed_keys(file: str | Path) -> Iterator[KeyChanges]:
    """The keys of a topology file, ours alone inside the block.

    Raises: Refused when the file or its lock is unusable, StateError, OSError.
    """
    workspace = Workspace(Path(file))
    diagnostics = Diagnostics()
    with workspace.locked():
        spec = read_spec(workspace.file, diagnostics)
        lock = read_lock(workspace.lock_file, diagnostics)
        diagnostics.barrier()
        store = workspace.keys(spec.network.name, spec.keys)
        require_lock(workspace.lock_file, store, diagnostics)
        check_lock(spec, lock, diagnostics)
        diagnostics.barrier()
        yield KeyChanges(spec, lock, store, lambda new: write_lock(workspace.lock_file, new))

"""The lock file of a workspace, read and written."""

from __future__ import annotations

import os
from pathlib import Path

from meshc.diagnostics import Diagnostics, Location
from meshc.errors import Refused
from meshc.files import read_regular, write_atomic
from meshc.keystore.store import KeyStore
from meshc.topology.planner.addressing.lock_text import Lock, format_lock, parse_lock


def read_lock(path: Path, diagnostics: Diagnostics) -> Lock:
    """The lock file, or an empty lock. Raises: Refused when it is damaged, StateError."""
    content = read_regular(path)
    if content is None:
        return Lock()
    lock = parse_lock(content.decode("utf-8", "replace"), str(path), diagnostics)
    if lock is None:
        raise Refused(diagnostics.sorted())
    return lock


def require_lock(path: Path, store: KeyStore, diagnostics: Diagnostics) -> None:
    """Finds that the lock file is gone although the network was built before: without it the epoch
    of the pre-shared keys and the revocations are forgotten. Raises: StateError."""
    if not os.path.lexists(path) and store.secret() is not None:
        diagnostics.add(
            "E314",
            f"{store.directory.name}/ holds the secret of a network that was built, but its lock "
            "file is gone: addresses, the epoch and every revocation would be forgotten",
            Location(str(path), 1, 1),
            hint=f"restore it from git: git checkout -- {path.name}; if the network runs nowhere: "
            "meshc build --new-lock",
        )


def write_lock(path: Path, lock: Lock) -> bool:
    """Writes the lock file if it differs from what is there. Raises: OSError, StateError."""
    content = format_lock(lock).encode()
    if read_regular(path) == content:
        return False
    write_atomic(path, content)
    return True

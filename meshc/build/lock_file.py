"""The lock file of a workspace, read and written."""

from __future__ import annotations

from pathlib import Path

from meshc.diagnostics import Diagnostics
from meshc.errors import Refused
from meshc.files import read_regular, write_atomic
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


def write_lock(path: Path, lock: Lock) -> bool:
    """Writes the lock file if it differs from what is there. Raises: OSError, StateError."""
    content = format_lock(lock).encode()
    if read_regular(path) == content:
        return False
    write_atomic(path, content)
    return True

"""A session on the machine: its netlink, and where the state of one interface is kept."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from meshc.node.backends import BackendFactory
from meshc.node.machine import Machine, require_rights
from meshc.node.state_file import PATIENCE, StateFile


@contextlib.contextmanager
def machine_session(
    interface: str,
    run_directory: Path,
    backends: BackendFactory,
    *,
    lock: bool,
    patience: float = PATIENCE,
) -> Iterator[tuple[Machine, StateFile]]:
    """With `lock`, nobody else works on the interface meanwhile; who does is waited for, up to
    `patience` seconds. Raises: NodeError."""
    from meshc.node.system.rtnetlink import Netlink

    require_rights()
    store = StateFile(run_directory, interface)
    with contextlib.ExitStack() as stack:
        if lock:
            stack.enter_context(store.locked(patience))
        netlink = stack.enter_context(Netlink())
        yield Machine(netlink, run_directory, "", notes=[], backends=backends), store

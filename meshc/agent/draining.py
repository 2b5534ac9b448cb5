"""Draining: the wish that a relay be empty, which its agent reads and its leaves follow."""

from __future__ import annotations

import time
from pathlib import Path

from meshc.agent.path_status import PathStatus, load_status
from meshc.errors import NodeError
from meshc.node.machine import RUN_DIRECTORY

_POLL = 0.1


def drain_mark(interface: str, run_directory: Path = RUN_DIRECTORY) -> Path:
    """The file whose presence tells the agent of a relay to send its leaves away."""
    return run_directory / f"{interface}.drain"


def request_drain(
    interface: str, *, wanted: bool, wait: float, run_directory: Path = RUN_DIRECTORY
) -> tuple[str, ...]:
    """Asks the agent, and waits until it is empty; the leaves that are left after `wait` seconds.

    Raises: NodeError where no agent of a relay runs."""
    end = time.monotonic() + wait
    status = load_status(interface, run_directory)
    if status is None or status.home:
        raise NodeError(
            f"{interface} is no relay whose leaves have agents",
            hint="`agent: true` on all relays and on the leaves, then `meshc build` and `up`",
        )
    mark = drain_mark(interface, run_directory)
    if not wanted:
        mark.unlink(missing_ok=True)
        return ()
    mark.touch(mode=0o600)
    while not _empty(status) and time.monotonic() < end:
        time.sleep(_POLL)
        status = load_status(interface, run_directory)
    return () if status is None else status.leaves


def _empty(status: PathStatus | None) -> bool:
    return status is None or (status.draining and not status.leaves)

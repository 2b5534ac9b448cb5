"""What a change needs to be applied: the open netlink socket, the backend, where state lives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from meshc.errors import NodeError
from meshc.node.backends import Backend, BackendFactory, backend
from meshc.values import dataclass

if TYPE_CHECKING:
    from meshc.node.system.rtnetlink import Netlink

RUN_DIRECTORY = Path("/run/meshc")
"""Gone after a reboot, as are the interfaces that it speaks of."""
_CAP_NET_ADMIN = 12


@dataclass(slots=True)
class Machine:
    """`token` marks the processes of one `up`; `notes` collects what the user should read;
    `backends` makes the engine of a name."""

    netlink: Netlink
    run_directory: Path
    token: str
    engine: Backend | None = None
    notes: list[str] | None = None
    backends: BackendFactory = backend

    @property
    def backend(self) -> Backend:
        """Raises: NodeError before the interface has been made."""
        if self.engine is None:
            raise NodeError("the interface has no engine yet")
        return self.engine

    def note(self, text: str) -> None:
        """Keeps a sentence for the user."""
        if self.notes is not None:
            self.notes.append(text)


def require_rights() -> None:
    """Raises: NodeError when this process may not configure interfaces. Root may; so may a
    service that was given the capability (capabilities(7))."""
    for line in Path("/proc/thread-self/status").read_text().splitlines():
        key, _, value = line.partition(":")
        if key == "CapEff" and not int(value, 16) >> _CAP_NET_ADMIN & 1:
            raise NodeError(
                "this process may not configure interfaces",
                hint="this needs root (sudo), or CAP_NET_ADMIN in a service",
            )

"""What a change needs to be applied: the open netlink socket, the backend, where state lives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from meshc.errors import NodeError

if TYPE_CHECKING:
    from meshc.node.backends import Backend
    from meshc.node.netlink import Netlink

RUN_DIRECTORY = Path("/run/meshc")
"""Gone after a reboot, as are the interfaces that it speaks of."""


@dataclass(slots=True)
class Machine:
    """`token` marks the processes of one `up`; `notes` collects what the user should read."""

    netlink: Netlink
    run_directory: Path
    token: str
    engine: Backend | None = None
    notes: list[str] | None = None

    @property
    def backend(self) -> Backend:
        """Raises: NodeError before the interface has been made."""
        if self.engine is None:
            raise NodeError("the interface has no engine yet")
        return self.engine

    def note(self, text: str) -> None:
        if self.notes is not None:
            self.notes.append(text)

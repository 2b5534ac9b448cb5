"""A WireGuard backend: one way to have an interface, and what it is given to work with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from meshc.node.system.rtnetlink import Netlink
    from meshc.node.system_values import Device, DeviceUpdate

AUTO = "auto"
KERNEL = "kernel"
BUNDLED = "bundled"
EXTERNAL = "wireguard-go"


class BackendHost(Protocol):
    """What a backend needs of the machine: the kernel's own view, where its files go, and the
    mark of the processes that it starts."""

    @property
    def netlink(self) -> Netlink: ...

    @property
    def run_directory(self) -> Path: ...

    @property
    def token(self) -> str: ...


class Backend(Protocol):
    """One way to have a WireGuard interface. `name` is what the user reads and writes."""

    @property
    def name(self) -> str: ...

    def missing(self) -> str:
        """Why it cannot work on this machine; empty when it can. Changes nothing."""
        ...

    def create(self, host: BackendHost, interface: str) -> None:
        """Makes the interface, down and without settings. Raises: NodeError."""
        ...

    def destroy(self, host: BackendHost, interface: str) -> None:
        """Removes the interface and all that belongs to it; nothing there is no error."""
        ...

    def read(self, interface: str) -> Device:
        """The whole device, all peers. Raises: NodeError."""
        ...

    def write(self, interface: str, update: DeviceUpdate) -> None:
        """Applies an update; peers that it does not name keep their sessions. Raises: NodeError."""
        ...


BackendFactory = Callable[[str], Backend]
"""From the name of a backend to the backend; raises NodeError for a name that it does not know.
`up`, `reload` and `down` take one, so that a caller who has its own way of starting an engine
says so."""

"""The WireGuard behind an interface: the kernel's, the bundled engine, or another program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from meshc.errors import NodeError

if TYPE_CHECKING:
    from meshc.node.machine import Machine
    from meshc.wg.device_values import DeviceState, DeviceUpdate

AUTO = "auto"
KERNEL = "kernel"
BUNDLED = "bundled"
EXTERNAL = "wireguard-go"


class Backend(Protocol):
    """One way to have a WireGuard interface. `name` is what the user reads and writes."""

    @property
    def name(self) -> str: ...

    def missing(self) -> str:
        """Why it cannot work on this machine; empty when it can. Changes nothing."""
        ...

    def create(self, machine: Machine, interface: str) -> None:
        """Makes the interface, down and without settings. Raises: NodeError."""
        ...

    def destroy(self, machine: Machine, interface: str) -> None:
        """Removes the interface and all that belongs to it; nothing there is no error."""
        ...

    def read(self, interface: str) -> DeviceState:
        """The whole device, all peers. Raises: NodeError."""
        ...

    def write(self, interface: str, update: DeviceUpdate) -> None:
        """Applies an update; peers that it does not name keep their sessions. Raises: NodeError."""
        ...


def backend(name: str) -> Backend:
    """`kernel`, `bundled`, `wireguard-go` or the path of a program that takes an interface name.

    Raises: NodeError for any other word.
    """
    from meshc.node.backends.bundled import Bundled
    from meshc.node.backends.external import External
    from meshc.node.backends.kernel import Kernel

    if name == KERNEL:
        return Kernel()
    if name == BUNDLED:
        return Bundled()
    if name == EXTERNAL or "/" in name:
        return External(name)
    raise NodeError(
        f"there is no engine {name!r}",
        hint="say auto, kernel, bundled, wireguard-go or the path of a program",
    )


def candidates(name: str) -> tuple[Backend, ...]:
    """What `name` stands for, in the order to try; `auto` prefers the fastest."""
    names = (KERNEL, BUNDLED, EXTERNAL) if name == AUTO else (name,)
    return tuple(backend(one) for one in names)


def of_running(interface: str) -> Backend:
    """The backend of an interface that somebody else may have made."""
    from meshc.node.uapi_exchange import socket_path

    return backend(EXTERNAL if Path(socket_path(interface)).exists() else KERNEL)

"""The WireGuard behind an interface: the kernel's, the bundled engine, or another program."""

from __future__ import annotations

from pathlib import Path

from meshc.errors import NodeError
from meshc.node.backends.backend import (
    AUTO,
    BUNDLED,
    EXTERNAL,
    KERNEL,
    Backend,
    BackendFactory,
    BackendHost,
)

__all__ = [
    "AUTO",
    "BUNDLED",
    "EXTERNAL",
    "KERNEL",
    "Backend",
    "BackendFactory",
    "BackendHost",
    "backend",
    "candidates",
    "of_running",
]


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


def candidates(name: str, backends: BackendFactory = backend) -> tuple[Backend, ...]:
    """What `name` stands for, in the order to try; `auto` prefers the fastest."""
    names = (KERNEL, BUNDLED, EXTERNAL) if name == AUTO else (name,)
    return tuple(backends(one) for one in names)


def of_running(interface: str) -> Backend:
    """The backend of an interface that somebody else may have made."""
    from meshc.node.uapi import socket_path

    return backend(EXTERNAL if Path(socket_path(interface)).exists() else KERNEL)

"""Who holds a UDP port of this network namespace, told by the kernel's own table."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from meshc.errors import NodeError

if TYPE_CHECKING:
    from meshc.node.machine import Machine

_TABLES = ("/proc/thread-self/net/udp", "/proc/thread-self/net/udp6")


def sockets_at(port: int) -> tuple[int, ...]:
    """The inodes of the sockets that are bound to the port; one of the kernel has 0."""
    found = []
    for table in _TABLES:
        # without IPv6 there is one table only
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                words = line.split()
                if int(words[1].rpartition(":")[2], 16) == port:
                    found.append(int(words[9]))
    return tuple(found)


def refuse_taken(machine: Machine, interface: str, port: int) -> None:
    """Raises: NodeError when somebody else listens at the port. A userspace engine would come up
    and hear nothing."""
    inodes = sockets_at(port)
    if inodes:
        raise NodeError(
            f"UDP port {port} is taken by {_holder(machine, interface, port, inodes)}",
            hint=f"end it, or give {interface} another ListenPort (`listen_port:` in the topology)",
        )


def _holder(machine: Machine, interface: str, port: int, inodes: tuple[int, ...]) -> str:
    wanted = {f"socket:[{inode}]" for inode in inodes if inode}
    for entry in sorted(Path("/proc").iterdir()):
        if not entry.name.isdigit():
            continue
        # processes end while they are looked at
        with contextlib.suppress(OSError):
            for descriptor in (entry / "fd").iterdir():
                if wanted and str(descriptor.readlink()) in wanted:
                    name = (entry / "comm").read_text().strip()
                    return f"{name} (process {entry.name})"
    return _kernel_holder(machine, interface, port)


def _kernel_holder(machine: Machine, interface: str, port: int) -> str:
    """A WireGuard of the kernel has no process."""
    for link in machine.netlink.links():
        if link.kind == "wireguard" and link.name != interface:
            with contextlib.suppress(NodeError):
                if machine.backends("kernel").read(link.name).listen_port == port:
                    return f"the WireGuard interface {link.name}"
    return "the kernel, for another tunnel"

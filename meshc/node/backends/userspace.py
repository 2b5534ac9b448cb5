"""What the programs that speak the userspace interface have in common."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from meshc.errors import NodeError
from meshc.node import uapi
from meshc.node.backends.backend import BackendHost
from meshc.node.system import processes
from meshc.node.system_values import Device, DeviceUpdate

_START_PATIENCE = 120.0
"""Seconds. One that dies is noticed at once; this is for slow machines."""
_POLL = 0.01


class Userspace:
    """A program in the background that makes a TUN device and answers on a unix socket."""

    name = ""

    def argv(self, interface: str) -> Sequence[str]:
        """The command, which must stay in the foreground."""
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        """What its environment needs besides ours."""
        return {}

    def create(self, host: BackendHost, interface: str) -> None:
        """Starts the program and waits until it answers. Raises: NodeError with its last words."""
        if not uapi.remove_stale_socket(interface):
            raise NodeError(
                f"another program answers at {uapi.socket_path(interface)}",
                hint="an interface of that name in another network namespace? Give each its own"
                " /run, or choose another name",
            )
        log = host.run_directory / f"{interface}.log"
        log.unlink(missing_ok=True)
        child = processes.start(
            self.argv(interface), token=host.token, log=log, extra=self.environment()
        )
        deadline = time.monotonic() + _START_PATIENCE
        while not self._answers(host, interface):
            if child.poll() is not None or time.monotonic() > deadline:
                words = log.read_text(errors="replace").strip().splitlines()[-3:]
                processes.stop(host.token)
                raise NodeError(
                    f"{self.name} did not bring up {interface}",
                    hint="; ".join(words) or f"it said nothing (exit {child.returncode})",
                )
            time.sleep(_POLL)

    def destroy(self, host: BackendHost, interface: str) -> None:
        """Ends the program; removes the interface, the socket and the log."""
        processes.stop(host.token)
        host.netlink.delete_link(interface)
        uapi.remove_stale_socket(interface)
        (host.run_directory / f"{interface}.log").unlink(missing_ok=True)

    def read(self, interface: str) -> Device:
        return uapi.read_device(interface)

    def write(self, interface: str, update: DeviceUpdate) -> None:
        uapi.write_device(interface, update)

    def _answers(self, host: BackendHost, interface: str) -> bool:
        if host.netlink.link(interface) is None or not uapi.socket_path(interface).exists():
            return False
        try:
            uapi.read_device(interface)
        except NodeError:
            return False
        return True

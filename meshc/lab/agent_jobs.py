"""Jobs about the agents of a lab: waiting until they hear each other, and the death of a node."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass

from meshc.errors import NodeError
from meshc.lab.world.jobs import Job

READY = 120.0
"""Seconds in which an agent has started and heard everybody; a slow machine starts many at once."""
_POLL = 0.05


@dataclass(frozen=True, slots=True)
class KillNode(Job[int]):
    """SIGKILL to everything that runs an interface, after `seconds`; how many processes had it."""

    interface: str
    seconds: float = 0.0

    def run(self) -> int:
        from meshc.node.machine import RUN_DIRECTORY
        from meshc.node.state_file import StateFile
        from meshc.node.system import agent_process, processes
        from meshc.node.system.rtnetlink import Netlink

        time.sleep(self.seconds)
        record = StateFile(RUN_DIRECTORY, self.interface).load()
        if record is None:
            raise NodeError(f"{self.interface} is not up")
        # the agent first: it would start the engine again
        found = [*processes.find(agent_process.token(record.token))]
        found += processes.find(record.token)
        forked = RUN_DIRECTORY / f"{self.interface}.pid"
        found += [int(forked.read_text())] if forked.exists() else []
        for process in found:
            os.kill(process, signal.SIGKILL)
        if record.engine == "kernel":
            with Netlink() as netlink:
                netlink.delete_link(self.interface)
        return len(found)


@dataclass(frozen=True, slots=True)
class AwaitPaths(Job[None]):
    """Until the agent of an interface hears everybody that it probes. Raises: NodeError."""

    interface: str
    seconds: float = READY

    def run(self) -> None:
        from meshc.agent.path_status import load_status

        end = time.monotonic() + self.seconds
        status = None
        while time.monotonic() < end:
            status = load_status(self.interface)
            if status is not None and status.all_live:
                return
            time.sleep(_POLL)
        raise NodeError(f"the agent of {self.interface} does not hear everybody: {status}")


@dataclass(frozen=True, slots=True)
class ReadPairs(Job[dict[str, str]]):
    """With whom the agent of an interface may have a direct path, and how that is."""

    interface: str

    def run(self) -> dict[str, str]:
        from meshc.agent.path_status import load_status

        status = load_status(self.interface)
        return {} if status is None else dict(status.direct)

"""The agent as a process in the background, started by `up` and ended by `down`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from meshc.node.change import Change
from meshc.node.system import processes
from meshc.values import dataclass

if TYPE_CHECKING:
    from meshc.node.machine import Machine


SUFFIX = "-agent"


@dataclass(frozen=True, slots=True)
class AgentStart(Change):
    """Starts the loop in the background."""

    interface: str

    def describe(self) -> str:
        return f"look after {self.interface} in the background"

    def apply(self, machine: Machine) -> None:
        processes.start(
            (
                sys.executable,
                *("-m", "meshc.agent.watch", self.interface),
                *("--run-dir", str(machine.run_directory)),
            ),
            token=token(machine.token),
            log=self._log(machine),
            extra=processes.python_environment(),
        )

    def reverse(self, machine: Machine) -> None:
        processes.stop(token(machine.token))
        for suffix in ("-agent.log", ".paths", ".drain"):
            (machine.run_directory / f"{self.interface}{suffix}").unlink(missing_ok=True)

    def _log(self, machine: Machine) -> Path:
        return machine.run_directory / f"{self.interface}-agent.log"


def token(of_up: str) -> str:
    """What marks the agent's process, apart from the engine of the same interface."""
    return of_up + SUFFIX


def runs(of_up: str) -> bool:
    """Whether the agent of that `up` is alive."""
    return bool(of_up and processes.find(token(of_up)))

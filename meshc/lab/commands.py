"""Jobs that run a program in a place, and wait for what it serves."""

from __future__ import annotations

import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from meshc.errors import NodeError
from meshc.lab.world.jobs import Job


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The exit code, and what came on both outputs."""

    code: int
    output: str


@dataclass(frozen=True, slots=True)
class RunCommand(Job[CommandResult]):
    """Runs a program to its end. The output goes through a file: a daemon that the program leaves
    behind would keep a pipe open."""

    argv: tuple[str, ...]

    def run(self) -> CommandResult:
        with tempfile.TemporaryFile() as output:
            try:
                done = subprocess.run(
                    self.argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
                )
            except FileNotFoundError:
                raise NodeError(
                    f"{self.argv[0]} is not installed", hint="the lab needs it for this"
                ) from None
            output.seek(0)
            return CommandResult(done.returncode, output.read().decode(errors="replace"))


@dataclass(frozen=True, slots=True)
class AwaitListener(Job[None]):
    """Until somebody listens on TCP `port` here: a daemon says that it runs before it does.
    NodeError after `seconds`."""

    port: int
    seconds: float = 10.0

    def run(self) -> None:
        end = time.monotonic() + self.seconds
        while self.port not in _listening():
            if time.monotonic() > end:
                raise NodeError(f"nobody listens on TCP port {self.port}")
            time.sleep(0.02)


def run_command(*argv: str) -> str:
    """Runs a program here and answers with what it printed. Raises: NodeError with its last
    words when it fails."""
    done = RunCommand(argv).run()
    if done.code != 0:
        last = " / ".join(done.output.strip().splitlines()[-3:])
        raise NodeError(f"{' '.join(argv)} failed with {done.code}: {last}")
    return done.output


def _listening() -> set[int]:
    """TCP ports in the state LISTEN (proc_net_tcp: 0A), both families."""
    found = set()
    for name in ("tcp", "tcp6"):
        path = Path("/proc/net", name)
        rows = path.read_text().splitlines()[1:] if path.exists() else []
        for fields in map(str.split, rows):
            if fields[3] == "0A":
                found.add(int(fields[1].rpartition(":")[2], 16))
    return found

"""The other end of a lab's control socket: start a lab, run jobs in it, end it."""

from __future__ import annotations

import json
import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from meshc.errors import NodeError
from meshc.lab.job_registry import read_outcome, write_job
from meshc.lab.world import lab_state
from meshc.lab.world.jobs import Answer, Job, JobOutcome, PlacedJob
from meshc.lab.world.keeper import HostFiles, Order
from meshc.lab.world.netns import Privilege, privilege
from meshc.lab.world.places import LabWorld


class Lab:
    """A running lab. As a context manager it is taken down at the end of the block."""

    def __init__(self, found: lab_state.LabState, process: subprocess.Popen[bytes] | None) -> None:
        self.state = found
        self._process = process
        self.remarks: tuple[str, ...] = ()

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.down()

    def down(self) -> None:
        """Ends everything in the lab and forgets it."""
        lab_state.take_down(self.state)
        if self._process is not None:
            self._process.wait(10)
            self._process = None

    def run(
        self, jobs: Sequence[PlacedJob[Answer]], *, parallel: int = 4, timeout: float = 60.0
    ) -> Iterator[JobOutcome[Answer]]:
        """Runs jobs in the lab; outcomes come as they finish. Raises: NodeError when it is gone."""
        requests = [write_job(job) for job in jobs]
        request = {"op": "run", "jobs": requests, "parallel": parallel, "timeout": timeout}
        with self._connect() as connection, connection.makefile("rwb") as stream:
            stream.write(json.dumps(request).encode() + b"\n")
            stream.flush()
            for line in stream:
                told = json.loads(line)
                if "refused" in told:
                    raise NodeError(f"lab {self.state.id} does not run this: {told['refused']}")
                if told.get("done"):
                    return
                yield read_outcome(jobs[told["number"]], told)
        raise NodeError(f"lab {self.state.id} ended while it was working")

    def call(self, place: str, job: Job[Answer], *, timeout: float = 60.0) -> Answer:
        """Runs one job and answers with what it answers. Raises: NodeError when it fails."""
        (outcome,) = self.run([PlacedJob(place, job)], timeout=timeout)
        if outcome.error:
            raise NodeError(f"{place}: {outcome.error}")
        return outcome.value

    def holders(self) -> dict[str, int]:
        """The process that holds each place, as process 1 of the lab numbers it (0: none)."""
        with self._connect() as connection, connection.makefile("rwb") as stream:
            stream.write(b'{"op": "entries"}\n')
            stream.flush()
            answer: dict[str, int] = json.loads(stream.readline())
        return answer

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(self.state.directory / "control.sock"))
        except OSError as error:
            connection.close()
            raise NodeError(
                f"lab {self.state.id} does not answer: {error.strerror}",
                hint="meshc lab down cleans up after a lab that was killed",
            ) from None
        return connection


def attach(identity: str) -> Lab | None:
    """The running lab of this id, or None."""
    found = lab_state.load(identity)
    return Lab(found, None) if found is not None and found.alive else None


def start_lab(
    world: LabWorld,
    machines: dict[str, HostFiles],
    *,
    about: dict[str, Any],
    linked: bool,
    preload: tuple[str, ...] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> Lab:
    """Builds a world and waits until it stands. `about` fills the state file (id, file, network,
    nodes, links, interface, build); `linked` ends the lab with this process, whatever kills it;
    `preload` names modules that its jobs will want.

    Raises: NodeError when something cannot be made (everything is gone then);
    StateError when a lab of this id is already up.
    """
    rights = privilege()
    directory = lab_state.claim(about["id"])
    log = (directory / "keeper.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-c", "from meshc.lab.world.keeper import main; main()"],
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
    )
    log.close()
    try:
        assert process.stdin is not None
        order = Order(world, machines, rights.mode, str(directory), linked, preload)
        with process.stdin as stream:
            pickle.dump(order, stream)
        lab = _await(process, {**about, "linked": linked}, rights, progress)
    except BaseException:
        process.kill()
        process.wait()
        found = lab_state.load(about["id"])
        if found is not None:
            lab_state.take_down(found)
        lab_state.forget(about["id"])
        raise
    if not linked:
        process.wait()
        lab._process = None
    return lab


def _await(
    process: subprocess.Popen[bytes],
    about: dict[str, Any],
    rights: Privilege,
    progress: Callable[[str], None],
) -> Lab:
    assert process.stdout is not None
    found: lab_state.LabState | None = None
    remarks: tuple[str, ...] | None = None
    with process.stdout as stream:
        for line in stream:
            message = json.loads(line)
            if "pid" in message:
                started = lab_state.process_start(message["pid"])
                found = lab_state.LabState(
                    **about,
                    mode=rights.mode,
                    pid=message["pid"],
                    started=started,
                    created=time.time(),
                )
                found.save()
            elif "progress" in message:
                progress(message["progress"])
            elif "error" in message:
                raise NodeError(f"the lab could not be built: {message['error']}")
            elif "ready" in message:
                remarks = tuple(message["remarks"])
            if found is not None and remarks is not None:  # they come from two processes
                lab = Lab(found, process)
                lab.remarks = remarks
                return lab
    log = Path(lab_state.lab_directory(about["id"]), "keeper.log")
    tail = log.read_text(errors="replace").strip().splitlines()[-1:] if log.exists() else []
    raise NodeError(f"the lab's first process ended early: {' '.join(tail) or 'no reason given'}")


def _environment() -> dict[str, str]:
    """The environment of helper processes: they import this very meshc."""
    package = str(Path(__file__).resolve().parents[3])
    path = [package, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(path))}

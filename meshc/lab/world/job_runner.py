"""Jobs run inside namespaces: a forked process per job, its answer as JSON over a pipe."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from meshc.errors import MeshcError
from meshc.lab.world import linux
from meshc.lab.world.confinement import drop_capabilities
from meshc.lab.world.jobs import JobOutcome, PlacedJob
from meshc.lab.world.value_json import to_json


class PlaceEntry(NamedTuple):
    """How to get into a place: its network namespace, and the process that holds its mounts
    (0 when it has none of its own)."""

    network: int
    holder: int


@dataclass(slots=True)
class _Running:
    index: int
    place: str
    pid: int
    deadline: float
    data: bytearray = field(default_factory=bytearray)


def run_jobs(
    jobs: Sequence[PlacedJob[Any]],
    entries: Mapping[str, PlaceEntry],
    *,
    parallel: int,
    timeout: float,
) -> Iterator[JobOutcome[Any]]:
    """Runs all jobs, at most `parallel` at a time, and yields outcomes as they come, with answers
    as `to_json` writes them.

    A job that takes more than `timeout` seconds is killed and reported as an error.
    """
    waiting = list(enumerate(jobs))[::-1]
    selector = selectors.DefaultSelector()
    running: dict[int, _Running] = {}
    try:
        while waiting or running:
            while waiting and len(running) < parallel:
                index, job = waiting.pop()
                reader, task = _start(index, job, entries[job.place], timeout)
                running[reader] = task
                selector.register(reader, selectors.EVENT_READ)
            soonest = min(task.deadline for task in running.values())
            for key, _ in selector.select(max(0.0, soonest - time.monotonic())):
                task = running[key.fd]
                chunk = os.read(key.fd, 1 << 16)
                task.data += chunk
                if not chunk:
                    selector.unregister(key.fd)
                    del running[key.fd]
                    yield _finish(key.fd, task)
            for reader in [r for r, t in running.items() if t.deadline <= time.monotonic()]:
                selector.unregister(reader)
                task = running.pop(reader)
                os.kill(task.pid, signal.SIGKILL)
                _finish(reader, task)
                message = f"no answer within {timeout:g} s"
                yield JobOutcome(task.index, task.place, None, message)
    finally:
        for reader, task in running.items():
            os.kill(task.pid, signal.SIGKILL)
            _finish(reader, task)
        selector.close()


def enter(entry: PlaceEntry) -> None:
    """Moves this process into a place. Raises: OSError."""
    if entry.holder:
        for name, kind in (("uts", linux.NEWUTS), ("mnt", linux.NEWNS)):
            descriptor = os.open(f"/proc/{entry.holder}/ns/{name}", os.O_RDONLY)
            linux.setns(descriptor, kind)
            os.close(descriptor)
    linux.setns(entry.network, linux.NEWNET)


def _start(
    index: int, job: PlacedJob[Any], entry: PlaceEntry, timeout: float
) -> tuple[int, _Running]:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(reader)
            os.set_inheritable(writer, False)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _write(writer, _call(job, entry))
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    return reader, _Running(index, job.place, pid, time.monotonic() + timeout)


def _call(placed: PlacedJob[Any], entry: PlaceEntry) -> bytes:
    try:
        enter(entry)
        if entry.holder:
            drop_capabilities()
        answer = {"answer": to_json(placed.job.run())}
    except MeshcError as error:
        hint = getattr(error, "hint", "")
        answer = {"error": f"{error} ({hint})" if hint else str(error)}
    except Exception as error:  # the boundary of a process: everything must become an answer
        traceback.print_exc()
        answer = {"error": f"{type(error).__name__}: {error}"}
    return json.dumps(answer).encode()


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _finish(reader: int, task: _Running) -> JobOutcome[Any]:
    os.close(reader)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(task.pid, 0)
    if not task.data:
        return JobOutcome(task.index, task.place, None, "the process ended without an answer")
    said = json.loads(bytes(task.data))
    return JobOutcome(task.index, task.place, said.get("answer"), said.get("error", ""))

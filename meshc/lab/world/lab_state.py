"""What the host remembers of a lab: one directory with a state file and a control socket.

Everything else lives in the lab's own namespaces and ends with its process 1.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from meshc.errors import StateError
from meshc.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LabState:
    """A lab that was started. `pid` is its process 1 as the host sees it, `started` that process's
    start time in clock ticks (proc(5)), so that a reused number is never mistaken for it. `nodes`
    maps each node to its engine, `links` what `lab capture` takes to a namespace and interface.
    A `linked` lab ends with the command that it belongs to, such as `lab test`."""

    id: str
    file: str
    network: str
    mode: str
    pid: int
    started: int
    created: float
    nodes: dict[str, str]
    links: dict[str, list[str]]
    interface: str
    build: str
    linked: bool = False

    @property
    def directory(self) -> Path:
        return lab_directory(self.id)

    @property
    def alive(self) -> bool:
        return process_start(self.pid) == self.started

    def save(self) -> None:
        path = self.directory / "state.json"
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(self), indent=2) + "\n")
        temporary.replace(path)


SCRATCH = "build~"
# In the directory of a lab: who is building it, as "pid start".
CLAIM = "claim"


def base_directory() -> Path:
    """Where labs of this user are remembered."""
    if os.geteuid() == 0:
        return Path("/run/meshc-lab")
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime, "meshc-lab") if runtime else Path(f"/tmp/meshc-lab-{os.geteuid()}")


def lab_directory(lab_id: str) -> Path:
    return base_directory() / lab_id


def lab_id(file: Path, network: str) -> str:
    """The same file has the same id; two files never share one."""
    word = re.sub(r"[^a-z0-9-]+", "-", network.lower()).strip("-")[:24] or "lab"
    return f"{word}-{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:6]}"


def claim(identity: str) -> Path:
    """Makes the directory of a new lab. Raises: StateError when a lab of this id is running."""
    directory = lab_directory(identity)
    base_directory().mkdir(mode=0o700, parents=True, exist_ok=True)
    if base_directory().stat().st_uid != os.geteuid():
        raise StateError(f"{base_directory()} belongs to somebody else")
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        found = load(identity)
        if found is not None and found.alive:
            raise StateError(
                f"lab {identity} is already up", hint=f"meshc lab down --id {identity}"
            ) from None
        if found is None and _being_built(directory):
            raise StateError(f"lab {identity} is just being built by another process") from None
        forget(identity)
        directory.mkdir(mode=0o700, parents=True)
    (directory / CLAIM).write_text(f"{os.getpid()} {process_start(os.getpid())}\n")
    return directory


def load(identity: str) -> LabState | None:
    """The state of a lab, or None when nothing readable is there."""
    try:
        return LabState(**json.loads((lab_directory(identity) / "state.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def all_labs() -> Iterator[LabState]:
    """Every lab of this user that is remembered, alive or not."""
    if not base_directory().is_dir():
        return
    for entry in sorted(base_directory().iterdir()):
        found = load(entry.name)
        if found is not None:
            yield found


@contextlib.contextmanager
def scratch_directory() -> Iterator[Path]:
    """A private directory for this process, which may hold keys; `leftovers` finds those of
    processes that were killed."""
    base_directory().mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{SCRATCH}{os.getpid()}-{process_start(os.getpid())}-{os.urandom(4).hex()}"
    (base_directory() / name).mkdir(mode=0o700)
    try:
        yield base_directory() / name
    finally:
        forget(name)


def leftovers() -> Iterator[str]:
    """Names of directories whose lab is gone (killed, or never came up)."""
    if not base_directory().is_dir():
        return
    for entry in sorted(base_directory().iterdir()):
        if entry.name.startswith(SCRATCH):
            pid, started = entry.name.removeprefix(SCRATCH).split("-")[:2]
            if process_start(int(pid)) != int(started):
                yield entry.name
            continue
        found = load(entry.name)
        if not (found.alive if found is not None else _being_built(entry)):
            yield entry.name


def _being_built(directory: Path) -> bool:
    """Whether who claimed the directory of a lab without a state yet is still there."""
    try:
        pid, started = (directory / CLAIM).read_text().split()
    except (OSError, ValueError):
        # Between making the directory and claiming it are a few instructions.
        return time.time() - directory.stat().st_mtime < 10
    return process_start(int(pid)) == int(started)


def take_down(state: LabState, *, patience: float = 10.0) -> None:
    """Ends process 1, and with it every process and namespace of the lab; then forgets it.

    Raises: StateError when the process will not end.
    """
    if state.alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(state.pid, signal.SIGKILL)
        deadline = time.monotonic() + patience
        while state.alive:
            if time.monotonic() > deadline:
                raise StateError(f"process {state.pid} of lab {state.id} does not end")
            time.sleep(0.02)
    forget(state.id)


def forget(identity: str) -> None:
    """Removes the directory of a lab that is gone."""
    shutil.rmtree(lab_directory(identity), ignore_errors=True)
    with contextlib.suppress(OSError):
        base_directory().rmdir()


def process_start(pid: int) -> int:
    """When a process started, in clock ticks since boot; -1 when it is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return -1
    fields = text.rpartition(")")[2].split()
    return -1 if fields[0] in "ZX" else int(fields[19])

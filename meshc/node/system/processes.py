"""Processes that `up` starts in the background, found again by a token in their environment.

A process id written down can be lost (a crash between start and write) or stale (the number was
given to somebody else); a random token in the environment is neither.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import meshc
from meshc.errors import NodeError

TOKEN = "MESHC_UP_TOKEN"
_GRACE = 3.0
_POLL = 0.02

_children: list[subprocess.Popen[bytes]] = []
"""Kept until they end: a forgotten child would stay behind as a zombie in a long-lived process."""


def start(
    argv: Sequence[str], *, token: str, log: Path, extra: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Starts a process that outlives this one; its output goes to `log`. Raises: NodeError."""
    environment = {**os.environ, TOKEN: token, **(extra or {})}
    try:
        with open(log, "ab", opener=_private) as output:
            child = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )
    except OSError as error:
        raise NodeError(f"could not start {argv[0]}: {error.strerror}") from None
    _children.append(child)
    return child


def python_environment() -> dict[str, str]:
    """What a child needs so that `python -m meshc` finds this very meshc."""
    root = str(Path(meshc.__file__).resolve().parent.parent)
    have = os.environ.get("PYTHONPATH", "")
    return {"PYTHONPATH": f"{root}{os.pathsep}{have}" if have else root}


def find(token: str) -> tuple[int, ...]:
    """The ids of the running processes that carry this token."""
    wanted = f"{TOKEN}={token}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        # a process may end while it is looked at, and those of others cannot be read
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return tuple(sorted(found))


def stop(token: str) -> bool:
    """Ends the processes with this token, politely first; True when there were any."""
    running = find(token)
    for number, patience in ((signal.SIGTERM, _GRACE), (signal.SIGKILL, _GRACE)):
        left = find(token)
        if not left:
            break
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + patience
        while find(token) and time.monotonic() < deadline:
            reap()
            time.sleep(_POLL)
    reap()
    return bool(running)


def reap() -> None:
    """Collects the ended children of this process, which nobody else waits for."""
    _children[:] = [child for child in _children if child.poll() is None]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)

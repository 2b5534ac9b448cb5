"""Ends what runs in the namespaces of a test process that was killed: a program of its own, started
by it, that is told of every namespace and sees when its parent has gone.

Each line of its input is `+WHAT` or `-WHAT`: a namespace as /proc/PID/ns/net names it, or the path
of a file that is to go as well, such as the name of a namespace under /run/netns.
"""

from __future__ import annotations

import contextlib
import functools
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

NAMES = Path("/run/netns")


@functools.cache
def _watchdog(_: int) -> subprocess.Popen[bytes]:
    """Of this process: what runs in its namespaces ends when it is killed."""
    return subprocess.Popen(
        [sys.executable, __file__, str(os.getpid())],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )


def tell(line: str) -> None:
    """Tells the watchdog of this process, which begins with the first line."""
    stdin = _watchdog(os.getpid()).stdin
    assert stdin is not None
    stdin.write(line.encode() + b"\n")
    stdin.flush()


def processes_in(namespaces: set[str]) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if os.readlink(entry / "ns" / "net") in namespaces:
                    found.append(int(entry.name))
    return found


def end_all(namespaces: set[str]) -> None:
    """Until none is left: what dies may have a child on its way."""
    for _ in range(50):
        left = processes_in(namespaces)
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def remove(paths: set[str]) -> None:
    for path in map(Path, sorted(paths)):
        if path.parent == NAMES:
            # a bind mount, which keeps its namespace
            subprocess.run(["ip", "netns", "del", path.name], check=False, capture_output=True)
        else:
            path.unlink(missing_ok=True)


def main() -> None:
    parent, known, rest = int(sys.argv[1]), set[str](), b""
    gone = False
    while True:
        # what a parent said that died before this began is still to be read
        ready = select.select([0], [], [], 0 if gone else 1.0)[0]
        part = os.read(0, 1 << 16) if ready else b""
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            (known.add if line[:1] == b"+" else known.discard)(line[1:].decode())
        if gone and not part:
            break
        gone = os.getppid() != parent or bool(ready and not part)
    paths = {one for one in known if one.startswith("/")}
    end_all(known - paths)
    remove(paths)


if __name__ == "__main__":
    main()

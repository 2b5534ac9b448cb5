"""Ends what runs in the namespaces of a test process that was killed: a program of its own, started
by it, that is told of every namespace and sees when its parent has gone.

Each line of its input is `+NAMESPACE` or `-NAMESPACE`, the namespace as /proc/PID/ns/net names it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from pathlib import Path


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
    end_all(known)


if __name__ == "__main__":
    main()

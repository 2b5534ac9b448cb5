"""Runs `meshc up` and dies by SIGKILL right after the given number of changes. Not a test:
`python -m tests.support.killed_up CONF ENGINE COUNT`; says `survived` when there were fewer."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import meshc.node
from meshc.node import change


def main(conf: str, engine: str, limit: int) -> None:
    done = 0

    def counted(apply: Callable[..., None]) -> Callable[..., None]:
        def run(self: change.Change, machine: object) -> None:
            nonlocal done
            apply(self, machine)
            done += 1
            if done > limit:
                os.kill(os.getpid(), signal.SIGKILL)

        return run

    for kind in set(change.kinds().values()):
        kind.apply = counted(kind.apply)  # type: ignore[method-assign]
    meshc.node.up(Path(conf), engine=engine)
    print("survived")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))

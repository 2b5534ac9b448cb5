"""The `meshc` program as a process: how it begins and how it ends."""

from __future__ import annotations

import gc
import os
import sys

# what these make lives until they end, and holds no cycles
_COMPILING = frozenset(
    ["build", "explain", "graph", "policy", "qr", "schema", "validate", "verify"]
)


def run() -> None:
    """Runs the command of this process and ends it."""
    command = next(iter(sys.argv[1:2]), "")
    # what is imported is kept: looking through it again and again finds nothing
    gc.disable()
    worker = None
    if command == "build":
        # before the command line is imported: the two processes then load side by side
        from meshc.build.worker import open_worker

        worker = open_worker()
    from meshc.cli import main

    if command not in _COMPILING:
        gc.enable()
        main(prog_name="meshc")
        return
    status = 0
    try:
        main(prog_name="meshc", obj=worker)
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        status = end.code or 0
    # a build leaves millions of values and nothing to tidy up: taking them apart takes a while
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        os._exit(1)  # the reader of a pipe has gone: quietly, as click ends then
    os._exit(status)

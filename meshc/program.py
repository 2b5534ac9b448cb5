"""The `meshc` program as a process: how it begins and how it ends."""

from __future__ import annotations

import gc
import os
import sys


def run() -> None:
    """Runs the command of this process and ends it."""
    building = sys.argv[1:2] == ["build"]
    worker = None
    if building:
        gc.disable()  # nothing to find in what is imported; `build` does without it as well
        # before the command line is imported: the two processes then load side by side
        from meshc.build.worker import open_worker

        worker = open_worker()
    from meshc.cli import main

    try:
        main(prog_name="meshc", obj=worker)
    except SystemExit as end:
        if not building or end.code not in (None, 0):
            raise
    # a build leaves millions of values and nothing to tidy up: taking them apart takes a while
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        os._exit(1)  # the reader of a pipe has gone: quietly, as click ends then
    os._exit(0)

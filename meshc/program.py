"""The `meshc` program as a process: how it begins and how it ends."""

from __future__ import annotations

import gc
import os
import sys


def run() -> None:
    """Runs the command of this process and ends it."""
    if sys.argv[1:2] == ["build"]:
        gc.disable()  # nothing to find in what is imported; `build` does without it as well
        # before the command line is imported: the two processes then load side by side
        from meshc.build.companion import fork_early

        fork_early()
    from meshc.cli import main
    from meshc.process_end import is_at_once

    try:
        main(prog_name="meshc")
    except SystemExit as end:
        if not is_at_once() or end.code not in (None, 0):
            raise
    if is_at_once():
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except BrokenPipeError:
            os._exit(1)  # the reader of a pipe has gone: quietly, as click ends then
        os._exit(0)

"""The `meshc` program as a process: how it begins and how it ends."""

from __future__ import annotations

import os
import sys

from meshc.cli import main

_large = False


def end_at_once() -> None:
    """For a command that leaves millions of values and nothing to tidy up: `run` then ends the
    process without taking them apart one by one, which takes a while."""
    global _large
    _large = True


def run() -> None:
    """Runs the command of this process and ends it."""
    try:
        main(prog_name="meshc")
    except SystemExit as end:
        if not _large or end.code not in (None, 0):
            raise
    if _large:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except BrokenPipeError:
            os._exit(1)  # the reader of a pipe has gone: quietly, as click ends then
        os._exit(0)

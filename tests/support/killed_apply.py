"""Stages candidates on this machine, commits them, and dies by SIGKILL at the given change of each.
Not a test: `python -m tests.support.killed_apply HOW [INTERFACE NEW COUNT]...`, NEW being a file;
says `killed`, or `survived` when there were fewer. A program that is started counts twice: it runs,
it has ended."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from meshc.deploy.connect import sent_program
from meshc.deploy.protocol import (
    Activation,
    CommitConfirmed,
    Directories,
    Routes,
    StageCandidate,
    Supervisor,
)
from meshc.deploy.remote import deployment
from meshc.deploy.remote.managed_interface import ManagedInterface

TOKEN = "0123456789abcdef"
WINDOW = 600.0


def main(name: str, how: str, new: str, limit: int) -> None:
    interface = ManagedInterface(name, Directories())
    there = Path(f"/etc/wireguard/{name}.conf").read_bytes()
    candidate = StageCandidate(
        token=TOKEN,
        window=WINDOW,
        grace=0,
        way={},
        way_before={},
        sha=hashlib.sha256(there).hexdigest(),
        activation=Activation(how),
        supervisor=Supervisor.WG_QUICK,
        env={},
        routes=Routes(),
        environment="",
        mark=None,
        conf=Path(new).read_text(),
        node_json=json.dumps({"interface": name}),
        program=sent_program.program(),
    )
    deployment.stage(interface, candidate)
    _die_at(limit)
    deployment.commit_confirmed(interface, CommitConfirmed(TOKEN))


def forked(how: str, name: str, new: str, limit: str) -> str:
    """Each in a process of its own: one import for all of them."""
    child = os.fork()
    if child == 0:
        try:
            main(name, how, new, int(limit))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return {0: "survived", -signal.SIGKILL: "killed"}[
        os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    ]


def _die_at(limit: int) -> None:
    done = 0

    def count() -> None:
        nonlocal done
        if done == limit:
            os.kill(os.getpid(), signal.SIGKILL)
        done += 1

    def counted(apply: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **options: Any) -> Any:
            count()
            return apply(*args, **options)

        return run

    def call(*args: Any, timeout: float | None = None, **options: Any) -> int:
        with subprocess.Popen(*args, **options) as process:
            count()
            code = process.wait(timeout)
        count()
        return code

    for name in ("replace", "unlink", "link", "fsync"):
        setattr(os, name, counted(getattr(os, name)))
    subprocess.call = call  # type: ignore[assignment]


if __name__ == "__main__":
    rest = iter(sys.argv[2:])
    for name, new, limit in zip(rest, rest, rest, strict=True):
        print(forked(sys.argv[1], name, new, limit), flush=True)

"""The bundled engine, forked from a process that has its modules already.

A lab runs hundreds of engines. Started one by one, each would spend half a second of processor
time on imports and hold fifty megabytes of its own; forked, they start at once and share all
that they do not write to. What runs is the same engine, on the same files.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
import traceback
from importlib import import_module
from pathlib import Path

from meshc.errors import NodeError
from meshc.lab.world import linux
from meshc.lab.world.lab_state import process_start
from meshc.node import uapi_exchange
from meshc.node.backends import BUNDLED, Backend, BackendHost, backend
from meshc.node.backends.bundled import Bundled

# Imported by the keeper before it forks anything.
PRELOAD = (
    "pyroute2",
    "encodings.idna",
    "meshc.node.lifecycle",
    "meshc.node.system.rtnetlink",
    "meshc.node.interface_status",
    "meshc.engine.io.daemon",
)
PATIENCE = 120.0
POLL = 0.01
GRACE = 5.0
HIGHEST_DESCRIPTOR = 1 << 14


class ForkedBundled(Bundled):
    """`Bundled`, but for how its process begins."""

    def missing(self) -> str:
        """Its modules are here: the keeper has imported them."""
        return "" if os.path.exists("/dev/net/tun") else "/dev/net/tun is missing"

    def create(self, host: BackendHost, interface: str) -> None:
        """Forks an engine and waits until it answers. Raises: NodeError with its last words."""
        with contextlib.suppress(FileNotFoundError):
            uapi_exchange.socket_path(interface).unlink()
        log = host.run_directory / f"{interface}.log"
        child = os.fork()
        if child == 0:
            self._become_engine(interface, str(log))
        _number(host, interface).write_text(str(child))
        deadline = time.monotonic() + PATIENCE
        while not self._answers(host, interface):
            ended = os.waitpid(child, os.WNOHANG)[0] == child
            if ended or time.monotonic() > deadline:
                words = log.read_text(errors="replace").strip().splitlines()[-3:]
                raise NodeError(
                    f"the bundled engine did not bring up {interface}", hint="; ".join(words)
                )
            time.sleep(POLL)

    def destroy(self, host: BackendHost, interface: str) -> None:
        """Ends the engine and waits for that: one that lingers would take the socket of the next
        away. (A forked process has its parent's environment, so no token finds it.)"""
        note = _number(host, interface)
        if note.exists():
            _end(int(note.read_text()))
            note.unlink()
        super().destroy(host, interface)

    def _become_engine(self, interface: str, log: str) -> None:
        """The life of the child. Does not return."""
        code = 1
        try:
            os.setsid()
            linux.set_process_name("meshc-engine")
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.closerange(3, HIGHEST_DESCRIPTOR)  # the job's pipe among them
            daemon = import_module("meshc.engine.io.daemon")
            code = daemon.serve(daemon.DaemonOptions(interface=interface, foreground=True))
        except BaseException:  # the end of a process: its log is the only place left to say why
            traceback.print_exc()
        finally:
            os._exit(code)  # and nothing before it that could raise: this stack is the parent's


def _number(host: BackendHost, interface: str) -> Path:
    return host.run_directory / f"{interface}.pid"


def _end(process: int) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)
        deadline = time.monotonic() + GRACE
        while process_start(process) >= 0:
            if time.monotonic() > deadline:
                break
            time.sleep(POLL)


def forking_backend(name: str) -> Backend:
    """The backends of `meshc.node`, but that the bundled engine is forked from this process
    instead of being a Python of its own. Raises: NodeError for a name that there is not."""
    return ForkedBundled() if name == BUNDLED else backend(name)

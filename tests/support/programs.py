"""`meshc` in a namespace without starting Python anew: a process that has it imported forks.

What a command does is what the program does; only its start is saved, which takes longer than most
commands, and in an emulated machine takes seconds. Started as

    python -m tests.support.programs DESCRIPTOR

it serves one client over that socket. A request is JSON with three descriptors beside it: standard
output, standard error, and a socket for the exit status.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import meshc.build
import meshc.deploy
import meshc.keystore
import meshc.render
import meshc.topology
import meshc.wg
from meshc.deploy.connect import sent_program
from meshc.lab.world import linux

_LOADED = (
    *("encodings.idna", "getpass", "rich.console", "rich.table", "meshc.program"),
    *("meshc.cli.up", "meshc.cli.down", "meshc.cli.reload", "meshc.cli.status"),
    *("meshc.node.lifecycle", "meshc.node.system.rtnetlink", "meshc.node.interface_status"),
    *("meshc.node.backends.kernel", "meshc.node.backends.bundled", "meshc.node.backends.external"),
    *("meshc.cli.build", "meshc.cli.plan", "meshc.cli.deploy", "meshc.deploy.connect.ssh"),
    "cryptography.hazmat.primitives.asymmetric.x25519",
)
_WHOLE = (meshc.build, meshc.deploy, meshc.keystore, meshc.render, meshc.topology, meshc.wg)
"""What a command imports while it runs; every build and every deploy would do it again."""


class Programs:
    """The client: `run` is like `subprocess.run` with captured text."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._socket, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "tests.support.programs", str(there.fileno())]
        with there:
            self._server = subprocess.Popen(command, pass_fds=[there.fileno()], env=env)

    def run(
        self, argv: Sequence[str], *, within: int, env: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """`meshc ARGV` in the network and mount namespaces of the process `within`.

        Raises: subprocess.TimeoutExpired; the command then goes on.
        """
        here, there = socket.socketpair()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, here:
            request = {"argv": list(argv), "within": within, "env": dict(env)}
            with there:
                handed = [out.fileno(), err.fileno(), there.fileno()]
                socket.send_fds(self._socket, [json.dumps(request).encode()], handed)
            here.settimeout(timeout)
            try:
                status = here.recv(16)
            except TimeoutError:
                raise subprocess.TimeoutExpired(list(argv), timeout) from None
            assert status, "the process that starts programs has died"
            texts = [file.seek(0) or file.read().decode() for file in (out, err)]
        return subprocess.CompletedProcess(["meshc", *argv], int(status), *texts)

    def close(self) -> None:
        self._socket.close()
        self._server.wait(timeout=60)


@functools.cache
def programs() -> Programs:
    """One for all tests of this process, ended with it."""
    from tests.support.netns import environment

    made = Programs(environment())
    atexit.register(made.close)
    return made


def serve(connection: socket.socket) -> None:
    """Until the client has gone. Each request gets a process that waits for its command."""
    for module in _LOADED:
        importlib.import_module(module)
    for package in _WHOLE:
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(found.name)
    sent_program.packed()
    gc.collect()
    gc.freeze()
    while True:
        data, descriptors, _, _ = socket.recv_fds(connection, 1 << 20, 3)
        if not data:
            return
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if os.fork() == 0:
            connection.close()
            _wait_for(json.loads(data), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _wait_for(request: dict[str, Any], out: int, err: int, result: int) -> None:
    """Never returns: sends the exit status of the command that it forks."""
    child = os.fork()
    if child == 0:
        os.close(result)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.close(out)
        os.close(err)
        os._exit(_main(request))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with suppress(BrokenPipeError):
        os.write(result, str(status).encode())
    os._exit(0)


def _main(request: dict[str, Any]) -> int:
    """What `python -m meshc` does. Returns its exit status."""
    try:
        for kind, flag in (("net", linux.NEWNET), ("mnt", linux.NEWNS)):
            descriptor = os.open(f"/proc/{request['within']}/ns/{kind}", os.O_RDONLY)
            linux.setns(descriptor, flag)
            os.close(descriptor)
        os.chdir("/")
        os.environ.clear()
        os.environ.update(request["env"])
        sys.argv = ["meshc", *request["argv"]]
        gc.unfreeze()
        from meshc.program import run

        run()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the client tells when it is over
    with socket.socket(fileno=int(sys.argv[1])) as connected:
        serve(connected)

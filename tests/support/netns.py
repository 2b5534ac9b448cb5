"""Network namespaces for tests: each with its own mounts, so that /run, /etc/resolv.conf and what
meshc keeps over a restart are its own as well. A namespace lives as long as its holder process, and
nothing outlives the test.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.namespace_watchdog import tell
from tests.support.programs import programs

ROOT = Path(__file__).resolve().parent.parent.parent

needs_root = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not os.path.exists("/dev/net/tun"), reason="needs /dev/net/tun"),
]

TIMEOUT = float(os.environ.get("MESHC_TEST_TIMEOUT", "180"))
"""Seconds that a command may take: a virtual machine without KVM needs more."""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_HOLDER = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /var/lib/meshc; mount -t tmpfs -o mode=755 tmpfs /var/lib/meshc
mkdir -p /run/wireguard /run/netns /run/user
printf 'nameserver 192.0.2.53\\n' > /run/resolv.conf
mount --bind /run/resolv.conf /etc/resolv.conf
# nobody else is there: an address may be used at once
echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad
ip link set lo up
echo ready
exec sleep 100000
"""


@functools.cache
def byte_code() -> str:
    """A directory for compiled modules, so that each `python -m meshc` need not compile them."""
    given = os.environ.get("PYTHONPYCACHEPREFIX")
    if given:
        return given
    directory = tempfile.mkdtemp(prefix="meshc-tests-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


@functools.cache
def login_path() -> str:
    """That of logins on a machine: Python is the system's where it loads what ours does, because
    it starts faster than others."""
    asked = [
        *("env", f"PATH={_PATH}", "python3", "-c"),
        "from sysconfig import *; print(get_config_var('SOABI'))",
    ]
    said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    same = said == sysconfig.get_config_var("SOABI")
    return _PATH if same else f"{sys.base_prefix}/bin:{_PATH}"


def environment() -> dict[str, str]:
    """That of commands in a namespace: this checkout, and compiled modules kept."""
    return {
        **os.environ,
        "PATH": f"{login_path()}:{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(ROOT),
        "PYTHONPYCACHEPREFIX": byte_code(),
        "PYTHONDONTWRITEBYTECODE": "",
    }


def _checked(
    done: subprocess.CompletedProcess[str], command: Sequence[str]
) -> subprocess.CompletedProcess[str]:
    """A failure shows what it said."""
    if done.returncode:
        raise AssertionError(
            f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        )
    return done


class Namespace:
    """A network and mount namespace; `run` executes inside it."""

    def __init__(self, name: str) -> None:
        self.name = f"{name}-{os.getpid()}"
        self._holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "bash", "-c", _HOLDER],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != b"ready\n":
            assert self._holder.stderr is not None
            raise RuntimeError(f"no namespace: {self._holder.stderr.read().decode()}")
        self.pid = self._holder.pid
        tell(f"+{_namespace(self.pid)}")

    def argv(self, command: Sequence[str]) -> list[str]:
        """`command`, to be run in here."""
        return ["nsenter", f"--target={self.pid}", "--net", "--mount", "--wd=/", *command]

    def run(
        self, *command: str, check: bool = True, timeout: float = TIMEOUT, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Runs it and returns what it said; with `check`, a failure shows its stderr."""
        done = subprocess.run(
            self.argv(command),
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment(),
            **options,
        )
        return _checked(done, command) if check else done

    def shell(self, script: str, *, check: bool = True) -> str:
        return self.run("bash", "-ec", script, check=check).stdout

    def meshc(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """As a program of its own; only its start is shared with others (`programs.py`)."""
        done = programs().run(args, within=self.pid, env=environment(), timeout=TIMEOUT)
        return _checked(done, ("meshc", *args)) if check else done

    def start(self, *command: str, **options: Any) -> subprocess.Popen[str]:
        """Runs it in the background; the caller ends it, or it ends with the namespace."""
        return subprocess.Popen(
            self.argv(command),
            text=True,
            env=environment(),
            **options,
        )

    def json(self, *command: str) -> Any:
        return json.loads(self.run(*command).stdout or "[]")

    def processes(self) -> list[str]:
        """The command lines of what runs in here."""
        target = _namespace(self.pid)
        found = [
            entry
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and target and _namespace(int(entry.name)) == target
        ]
        lines = []
        for entry in found:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                lines.append(b" ".join(words).decode(errors="replace").strip())
        return sorted(lines)

    def close(self) -> None:
        """Ends every process in here; the namespace goes with the last one."""
        self._holder.send_signal(signal.SIGSTOP)
        target = _namespace(self.pid)
        for entry in Path("/proc").iterdir():
            pid = int(entry.name) if entry.name.isdigit() else 0
            if pid and pid != self.pid and target and _namespace(pid) == target:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        tell(f"-{target}")
        self._holder.kill()
        self._holder.wait(10)
        for stream in (self._holder.stdout, self._holder.stderr):
            if stream is not None:
                stream.close()


@contextlib.contextmanager
def namespaces(*names: str) -> Iterator[tuple[Namespace, ...]]:
    """Makes them, and removes them whatever happens."""
    made: list[Namespace] = []
    try:
        for name in names:
            made.append(Namespace(name))
        yield tuple(made)
    finally:
        for one in made:
            one.close()


def connect(left: Namespace, right: Namespace, *, left_name: str, right_name: str) -> None:
    """A veth pair between two namespaces, up at both ends."""
    left.run(
        "ip", "link", "add", left_name, "type", "veth", "peer", "name", right_name,
        "netns", str(right.pid),
    )  # fmt: skip
    left.run("ip", "link", "set", left_name, "up")
    right.run("ip", "link", "set", right_name, "up")


def require(*programs: str) -> None:
    """Skips the test, with the reason, where a program is missing."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")


def wait_until(condition: Any, *, patience: float = 60.0, what: str = "it") -> None:
    """Polls until the condition holds; the patience is for a slow machine, not a promise. Less and
    less often, because most conditions start a program or two."""
    deadline = time.monotonic() + patience
    pause = 0.05
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen in {patience} s")
        time.sleep(pause)
        pause = min(pause * 1.2, 0.25)


def _namespace(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return ""

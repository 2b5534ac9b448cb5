"""Two network namespaces joined by a cable, with a WireGuard implementation in each.

    a: 10.98.0.1, fd98::1  ── veth ──  b: 10.98.0.2, fd98::2       (underlay)
       10.99.0.1, fd99::1  ── wg ────     10.99.0.2, fd99::2       (inside)

Everything carries the process id in its name and is removed on exit, also after a failure.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from tests.support.namespace_watchdog import NAMES, tell

ENGINE = (sys.executable, "-c", "from meshc.cli.engine import entry; entry()")
COMMANDS: dict[str, tuple[str, ...]] = {"meshc": ENGINE, "wireguard-go": ("wireguard-go",)}
SOCKETS = Path("/var/run/wireguard")
ROOT = Path(__file__).resolve().parents[2]

PATIENCE = 90.0
"""Seconds for a busy machine. An engine makes a new session by itself after 15 (section 6.4 of the
paper), which would hide that what was waited for never came: where that matters, it is asked
whether the session is still the same (`ping_in_session`)."""

_serial = itertools.count()

_PUSH = """
import hashlib, socket, sys
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
listener = socket.create_server((sys.argv[1], 7000), family=family)
print('ready', flush=True)
connection, _ = listener.accept()
digest = hashlib.sha256(); total = 0
while data := connection.recv(1 << 18):
    digest.update(data); total += len(data)
print(total, digest.hexdigest(), flush=True)
"""
_PULL = """
import hashlib, os, socket, sys
block = bytearray(os.urandom(1 << 20)); digest = hashlib.sha256(); count = int(sys.argv[2])
connection = socket.create_connection((sys.argv[1], 7000), timeout=20)
for number in range(count):
    block[:4] = number.to_bytes(4, 'big')  # no two are the same
    connection.sendall(block); digest.update(block)
connection.close()
print(count << 20, digest.hexdigest())
"""


class Net:
    """The two namespaces; sides are "a" and "b"."""

    def __init__(self, directory: Path) -> None:
        number = f"{os.getpid()}{next(_serial)}"[-8:]
        self.namespaces = {side: f"meshc-e{number}{side}" for side in "ab"}
        self.interfaces = {side: f"me{number}{side}" for side in "ab"}
        self.directory = directory
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self.implementations: dict[str, str] = {}
        self.keys: dict[str, str] = {}
        self.log: IO[str] | None = None
        self.settings: dict[str, list[str]] = {}

    def __enter__(self) -> Net:
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            end(process)
        for side, namespace in self.namespaces.items():
            if (NAMES / namespace).exists():
                for what in self._to_be_ended(side):
                    tell(f"-{what}")
            subprocess.run(["ip", "netns", "del", namespace], check=False, capture_output=True)
        for interface in self.interfaces.values():
            with contextlib.suppress(FileNotFoundError):
                (SOCKETS / f"{interface}.sock").unlink()

    def _to_be_ended(self, side: str) -> tuple[str, ...]:
        """What must not outlive a test that is killed."""
        name = NAMES / self.namespaces[side]
        socket = SOCKETS / f"{self.interfaces[side]}.sock"
        return f"net:[{name.stat().st_ino}]", str(name), str(socket)

    def _build(self) -> None:
        for side, namespace in self.namespaces.items():
            run("ip", "netns", "add", namespace)
            for what in self._to_be_ended(side):
                tell(f"+{what}")
            run("ip", "-n", namespace, "link", "set", "lo", "up")
        a, b = self.namespaces["a"], self.namespaces["b"]
        run("ip", "link", "add", "v0", "netns", a, "type", "veth", "peer", "v0", "netns", b)
        for side, number in (("a", 1), ("b", 2)):
            namespace = self.namespaces[side]
            run("ip", "-n", namespace, "addr", "add", f"10.98.0.{number}/24", "dev", "v0")
            run("ip", "-n", namespace, "addr", "add", f"fd98::{number}/64", "dev", "v0", "nodad")
            run("ip", "-n", namespace, "link", "set", "v0", "up")
        for namespace in self.namespaces.values():
            wait_for(
                lambda ns=namespace: " UP " in run("ip", "-n", ns, "-br", "link", "show", "v0"),
                "the cable",
            )
        for side in "ab":
            key = run("wg", "genkey").strip()
            self.keys[side] = key
            (self.directory / f"{side}.key").write_text(key)
        self.psk = self.directory / "psk"
        self.psk.write_text(run("wg", "genpsk"))

    def public(self, side: str) -> str:
        return run("wg", "pubkey", stdin=self.keys[side]).strip()

    def inside(self, side: str, command: Sequence[str], *, check: bool = True) -> str:
        """Run a command in a namespace and give its output."""
        return run("ip", "netns", "exec", self.namespaces[side], *command, check=check)

    def start(self, side: str, implementation: str, **environment: str) -> subprocess.Popen[str]:
        """Start an implementation in the foreground and wait for its socket."""
        interface = self.interfaces[side]
        self.implementations[side] = implementation
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.namespaces[side], *COMMANDS[implementation], interface],
            env={**os.environ, "WG_PROCESS_FOREGROUND": "1", "LOG_LEVEL": "error", **environment},
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=self.log or subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        self.processes[side] = process
        socket_path = SOCKETS / f"{interface}.sock"
        wait_for(lambda: socket_path.exists() or process.poll() is not None, "the control socket")
        assert process.poll() is None, f"{implementation} ended with {process.returncode}"
        wait_for(lambda: self.wg(side, "show", interface, check=False) != "", "an answer to wg")
        return process

    def wg(self, side: str, *arguments: str, check: bool = True) -> str:
        return self.inside(side, ["wg", *arguments], check=check)

    def configure(self, side: str, *, endpoint: str | None, psk: bool = True) -> None:
        """Keys, peer, addresses and routes for one side; `endpoint` None waits for the other."""
        other = "b" if side == "a" else "a"
        number, peer_number = (1, 2) if side == "a" else (2, 1)
        interface = self.interfaces[side]
        command = ["set", interface, "listen-port", "51820"]
        command += ["private-key", str(self.directory / f"{side}.key"), "peer", self.public(other)]
        command += ["allowed-ips", f"10.99.0.{peer_number}/32,fd99::{peer_number}/128"]
        if psk:
            command += ["preshared-key", str(self.psk)]
        if endpoint is not None:
            command += ["endpoint", endpoint]
        self.settings[side] = command
        self.wg(side, *command)
        namespace = self.namespaces[side]
        run("ip", "-n", namespace, "addr", "add", f"10.99.0.{number}/24", "dev", interface)
        run("ip", "-n", namespace, "addr", "add", f"fd99::{number}/64", "dev", interface, "nodad")
        run("ip", "-n", namespace, "link", "set", interface, "mtu", "1420", "up")

    def ping(self, side: str, address: str, *options: str, within: float = PATIENCE) -> None:
        """Ping until it is answered, or fail."""
        command = ["ping", "-c", "1", "-W", "1", "-n", *options, address]
        wait_for(
            lambda: "1 received" in self.inside(side, command, check=False),
            f"a ping from {side} to {address}",
            within,
        )

    def ping_in_session(self, side: str, address: str) -> None:
        """Ping until it is answered; fails when it took a new session."""
        before = self.handshake(side)
        self.ping(side, address)
        assert self.handshake(side) == before, "there was a handshake"

    def transfer(self, side: str, address: str, megabytes: int) -> None:
        """Send random bytes over TCP from `side` to `address` and compare checksums."""
        other = "b" if side == "a" else "a"
        receiver = subprocess.Popen(
            ["ip", "netns", "exec", self.namespaces[other], sys.executable, "-c", _PUSH, address],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert receiver.stdout is not None
            assert receiver.stdout.readline() == "ready\n"
            sent = self.inside(side, [sys.executable, "-c", _PULL, address, str(megabytes)])
            received, _ = receiver.communicate(timeout=180)
        finally:
            end(receiver)
            if receiver.stdout is not None:
                receiver.stdout.close()
        assert sent == received

    def endpoint(self, side: str) -> str:
        """Where the peer of `side` is, as `wg` tells."""
        interface = self.interfaces[side]
        return self.wg(side, "show", interface, "endpoints").split("\t")[1].strip()

    def handshake(self, side: str) -> int:
        """Unix time of the last handshake, as `wg` tells."""
        text = self.wg(side, "show", self.interfaces[side], "latest-handshakes")
        return int(text.split("\t")[1])


def run(*command: str, stdin: str | None = None, check: bool = True) -> str:
    """Run a command for its output; with `check` a failure raises and shows its errors."""
    result = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=180, check=False
    )
    if check and result.returncode:
        raise AssertionError(f"{' '.join(command[:6])}…: {result.stderr or result.stdout}")
    return result.stdout


def end(process: subprocess.Popen[str]) -> None:
    """TERM, and KILL if that is not enough."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait(5)


def wait_for(condition: Callable[[], bool], what: str, within: float = PATIENCE) -> None:
    """Ask until the answer is yes, or fail after `within` seconds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come within {within} s"
        time.sleep(0.05)

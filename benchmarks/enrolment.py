"""Enrolment in namespaces: seconds from `invite` to a node that is reached, and whoever takes part
killed at random moments.

    sudo nice .venv/bin/python benchmarks/enrolment.py --rounds 20 --seed 1

Every round is a network of its own: a relay (with its controller) and a new machine. From the
second round on the machine's `join`, the relay's agent and the controller's `enrol` are killed
(SIGKILL) at random moments until each was hit, and started again. Then: the node is in the topology
once, the network builds, the node is reached, its door is shut, and its private key is in no file
of the others, in no packet of the wire, and not in the memory of the relay's agent.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from meshc.keys import PrivateKey
from tests.support.netns import Namespace, connect, namespaces, wait_until
from tests.support.wire import private_key

TEXT = """\
meshc: 1
network: {name: demo, addresses: [10.44.0.0/24]}
nodes:
  hub: {role: relay, endpoint: 192.0.2.1}
  phone: {platform: ios, public_key: "KEY"}
"""


class Round:
    """One network in two namespaces. `kills` says how often each is killed."""

    def __init__(self, directory: Path, hub: Namespace, new: Namespace, seed: int) -> None:
        self.hub, self.new, self.directory = hub, new, directory
        self.random = random.Random(seed)
        self.file = directory / "mesh.yaml"
        self.file.write_text(TEXT.replace("KEY", private_key("phone").public_key()))
        self.keys, self.confs = directory / "new/keys", directory / "new/confs"
        self.killed = {"join": 0, "agent": 0, "enrol": 0}
        connect(hub, new, left_name="eth0", right_name="eth0")
        hub.run("ip", "address", "add", "192.0.2.1/24", "dev", "eth0")
        new.run("ip", "address", "add", "192.0.2.2/24", "dev", "eth0")
        hub.meshc("build", str(self.file))
        hub.meshc("up", "hub", "--build", str(directory / "build"), "--engine", "bundled")
        # the agent that `up` started gives way to one whose process is ours to kill
        for pid in pids(hub, "meshc.agent.watch"):
            os.kill(pid, signal.SIGKILL)
        self.agent = self.start(hub, "agent", "wg0")

    def start(self, where: Namespace, *words: str) -> subprocess.Popen[str]:
        return where.start(
            *(sys.executable, "-m", "meshc", *words),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def run(self, *, kills: bool) -> float:
        """Seconds from the invitation to the first answer of the relay to a ping."""
        begun = time.monotonic()
        token = self.directory / "token"
        self.hub.meshc("invite", str(self.file), "nas", "--via", "hub", "--local", "-o", str(token))
        places = ("--keys", str(self.keys), "--confs", str(self.confs), "--wait", "300s", "--up")
        join = self.start(self.new, "join", str(token), *places)
        enrol = self.start(self.hub, "enrol", str(self.file), "nas", "--yes", "--local")
        left = dict.fromkeys(self.killed, 2) if kills else {}
        while (code := join.poll()) != 0:
            assert time.monotonic() < begun + 600, "it does not end"
            if code is not None:
                join = self.start(self.new, "join", str(token), *places)
            if self.agent.poll() is not None:
                self.agent = self.start(self.hub, "agent", "wg0")
            if enrol.poll() is not None:
                enrol = self.start(self.hub, "enrol", str(self.file), "nas", "--yes", "--local")
            time.sleep(self.random.uniform(0, 1.5) if left else 0.2)
            if left:
                who = self.random.choice(sorted(left))
                process = {"join": join, "agent": self.agent, "enrol": enrol}[who]
                if process.poll() is None:
                    process.kill()
                    process.wait()
                    self.killed[who] += 1
                    left[who] -= 1
                    left = {name: count for name, count in left.items() if count}
        enrol.wait()
        self.hub.meshc("enrol", str(self.file), "nas", "--yes", "--local")
        self.hub.meshc("reload", "hub", "--build", str(self.directory / "build"))
        ping = ("ping", "-c1", "-W1", "10.44.0.1")
        wait_until(lambda: self.new.run(*ping, check=False).returncode == 0, what="the way")
        return time.monotonic() - begun

    def check(self, capture: Path) -> None:
        """What must hold in the end."""
        if self.agent.poll() is not None:
            self.agent = self.start(self.hub, "agent", "wg0")
        wait_until(lambda: ":51900" not in self.hub.run("ss", "-uln").stdout, what="a shut door")
        assert self.file.read_text().count("nas:") == 1
        self.hub.meshc("build", str(self.file))
        key = PrivateKey.parse((self.keys / "wg0.key").read_text())
        forms = (key.reveal().encode(), key.raw)
        for path in [capture, *self.directory.rglob("*")]:
            if path.is_file() and self.keys not in path.parents:
                assert not any(form in path.read_bytes() for form in forms), path
        for pid in pids(self.hub, "meshc"):
            assert not any(form in memory(pid) for form in forms), f"in the memory of {pid}"
        assert any(form in memory_of_engine(self.new) for form in forms), "the search finds nothing"


def pids(namespace: Namespace, word: str) -> list[int]:
    """The processes in there whose command line has the word."""
    target, found = os.readlink(f"/proc/{namespace.pid}/ns/net"), []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            inside = entry.name.isdigit() and os.readlink(entry / "ns/net") == target
            if inside and word in (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode():
                found.append(int(entry.name))
    return found


def memory(pid: int) -> bytes:
    """All of a process that can be read."""
    pieces = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            span, rights, *_ = line.split()
            start, _, end = span.partition("-")
            if rights.startswith("rw"):
                with contextlib.suppress(OSError, ValueError):
                    mem.seek(int(start, 16))
                    pieces.append(mem.read(int(end, 16) - int(start, 16)))
    return b"".join(pieces)


def memory_of_engine(namespace: Namespace) -> bytes:
    return b"".join(memory(pid) for pid in pids(namespace, "engine"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    times, total = [], {"join": 0, "agent": 0, "enrol": 0}
    for number in range(wanted.rounds):
        with tempfile.TemporaryDirectory() as place, namespaces("hub", "new") as (hub, new):
            one = Round(Path(place), hub, new, wanted.seed * 1000 + number)
            with tempfile.NamedTemporaryFile(suffix=".pcap") as capture:
                dump = hub.start("tcpdump", "-i", "eth0", "-U", "-w", capture.name, stderr=-3)
                seconds = one.run(kills=number > 0)
                dump.terminate()
                dump.wait()
                one.check(Path(capture.name))
            one.agent.kill()
            one.agent.wait()
        times.append(seconds)
        total = {who: total[who] + count for who, count in one.killed.items()}
        print(f"round {number}: {seconds:.1f} s, killed {one.killed}", flush=True)
    print(f"without a kill: {times[0]:.1f} s; with: at most {max(times[1:], default=0):.1f} s")
    print(f"killed in all: {total}; every node came in, every door was shut, no key elsewhere")


if __name__ == "__main__":
    main()

"""Engines among disturbances: nothing is lost beyond what the protocol itself waits.

Needs root, `ip`, `wg` and `ping`. Two engines in namespaces of their own carry pings, 200 a
second; meanwhile the cable is pulled, the outer address changes, the peer is killed and started
again, and keys change, in turn and at random moments. After each the silence is measured and
compared with what the protocol waits there, and with what the cable itself was silent for: after a
carrier came back the kernel may ask for a neighbour twice, which takes it a second. Prints one
line of JSON; the exit status is 1 when one was longer. `--clock` also steps the machine's own
clock, by an hour and back.

    python benchmarks/engine_robustness.py [--minutes 15] [--seed 1] [--clock]
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.enginenet import Net, end, run

RATE = 200
# How long a disturbance itself lasts, in seconds.
PULLED = 1.0
# What is allowed beyond it: the kernel's own waits, and a busy machine's.
SLACK = 1.0
# whitepaper 6.1: an unanswered peer is asked again after KEEPALIVE_TIMEOUT + REKEY_TIMEOUT, and
# an initiation is repeated after REKEY_TIMEOUT and up to a third of a second
UNANSWERED = 15.0 + 0.334
AGAIN = 5.0 + 0.334


def pull_the_cable(net: Net) -> None:
    for state in ("down", "up"):
        run("ip", "-n", net.namespaces["a"], "link", "set", "v0", state)
        time.sleep(PULLED if state == "down" else 0)


def change_the_address(net: Net) -> None:
    a = net.namespaces["a"]
    held = run("ip", "-n", a, "-4", "-br", "addr", "show", "v0")
    old, new = ("1", "11") if "10.98.0.1/" in held else ("11", "1")
    # in this order: the first of a network takes the others along when it goes
    run("ip", "-n", a, "addr", "del", f"10.98.0.{old}/24", "dev", "v0")
    run("ip", "-n", a, "addr", "add", f"10.98.0.{new}/24", "dev", "v0")


def restart_the_peer(net: Net) -> None:
    net.processes["b"].kill()
    end(net.processes["b"])
    net.start("b", "meshc")
    net.configure("b", endpoint=None)


def change_the_key(net: Net) -> None:
    net.psk.write_text(run("wg", "genpsk"))
    for side in "ab":
        net.wg(side, *net.settings[side])


def step_the_clock(_: Net) -> None:
    for seconds in (3600, -3600):
        time.clock_settime(time.CLOCK_REALTIME, time.time() + seconds)
        time.sleep(0.5)


DISTURBANCES: dict[str, tuple[Callable[[Net], None], float]] = {
    "cable": (pull_the_cable, PULLED),
    "address": (change_the_address, 0.0),
    "restart": (restart_the_peer, UNANSWERED + AGAIN),
    "key": (change_the_key, AGAIN),
    "clock": (step_the_clock, 0.0),
}


class Pings(threading.Thread):
    """Pings from a to an address, and when they were answered, on the monotonic clock."""

    def __init__(self, net: Net, target: str) -> None:
        super().__init__(daemon=True)
        command = ["ip", "netns", "exec", net.namespaces["a"], "stdbuf", "-oL", "ping"]
        command += ["-n", "-W", "1", "-i", str(1 / RATE), target]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.answered: list[float] = []

    def run(self) -> None:
        for line in self._process.stdout or ():
            if "bytes from" in line:
                self.answered.append(time.monotonic())

    def silence(self, since: float) -> float:
        """The longest time without an answer since then, until now."""
        times = [since, *(moment for moment in self.answered if moment > since), time.monotonic()]
        return max(later - earlier for earlier, later in itertools.pairwise(times))

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        self.join()


class Silence(NamedTuple):
    """Seconds in the tunnel, and of the cable below it."""

    tunnel: float
    cable: float

    def late(self, allowed: float) -> bool:
        return self.tunnel > max(allowed, self.cable) + SLACK


def disturb(net: Net, pings: Pings, cable: Pings, kind: str) -> Silence:
    """What a disturbance brought; waits until there are answers again."""
    action, allowed = DISTURBANCES[kind]
    started = time.monotonic()
    action(net)
    deadline = time.monotonic() + allowed + SLACK
    acted = time.monotonic()
    while time.monotonic() < deadline and not any(t > acted for t in pings.answered[-1:]):
        time.sleep(0.05)
    time.sleep(SLACK)
    return Silence(round(pings.silence(started), 2), round(cable.silence(started), 2))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clock", action="store_true")
    options = parser.parse_args()
    drawn = random.Random(options.seed)
    kinds = [kind for kind in DISTURBANCES if kind != "clock" or options.clock]
    silences: dict[str, list[Silence]] = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory() as directory, Net(Path(directory)) as net:
        for side in "ab":
            net.start(side, "meshc")
            net.configure(side, endpoint=None if side == "b" else "10.98.0.2:51820")
        net.ping("a", "10.99.0.2")
        pings, cable = Pings(net, "10.99.0.2"), Pings(net, "10.98.0.2")
        pings.start()
        cable.start()
        end_at = time.monotonic() + options.minutes * 60
        while time.monotonic() < end_at:
            for kind in drawn.sample(kinds, len(kinds)):
                time.sleep(drawn.uniform(0.5, 5.0))
                silences[kind].append(disturb(net, pings, cable, kind))
        pings.close()
        cable.close()
    late = {
        kind: [one for one in found if one.late(DISTURBANCES[kind][1])]
        for kind, found in silences.items()
    }
    worst = {kind: max(found) for kind, found in silences.items() if found}
    print(json.dumps({"answers": len(pings.answered), "worst": worst, "late": late}))
    return 1 if any(late.values()) else 0


if __name__ == "__main__":
    sys.exit(main())

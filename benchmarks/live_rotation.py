"""Every key of an eight-node network is replaced under pings every 5 ms: from each other node to
the one that gets a key, and between two whose packets a relay hands on. Then all pre-shared keys,
and then one key with the controller killed at every step. What was lost?

Needs root, sshd, wg-quick and wireguard-go. Stock wg-quick on every node, and no agent anywhere:
the program that a deploy sends makes the handover. One line a rotation; it ends with 1 where a pair
lost more than three pings, or something is left half done.

    python benchmarks/live_rotation.py
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.deadlines import window_is_over
from tests.support.deploynet import Field, field
from tests.support.watched_rotation import NAMES, eight_nodes, pinged, rotate

MOST = 3
HANDED_ON = ("home1", "home2")
STEPS = ("facts", "stage", "staged", "commit", "committed", "verify", "verified", "confirm")


def main() -> int:
    with tempfile.TemporaryDirectory() as home, field(Path(home), *NAMES) as net:
        net.write(eight_nodes())
        net.build()
        net.deploy("--all")
        net.wait_for_traffic(*NAMES)
        worst = 0
        for what in (*((name,) for name in NAMES), ("--psk",)):
            worst = max(worst, watched(net, what))
        for step in STEPS:
            killed(net, "public", step)
    print(f"at most {worst} pings of 5 ms lost per pair and rotation; {len(STEPS)} kills resumed")
    return int(worst > MOST)


def watched(net: Field, what: tuple[str, ...]) -> int:
    before = keys(net)
    one = what[0] if what[0] in NAMES else "hub"
    pairs = [(name, one) for name in NAMES if name != one] + [HANDED_ON]
    with pinged(net, pairs) as lost:
        time.sleep(10)
        idle = max(lost().values())
    with pinged(net, pairs) as lost:
        began = time.monotonic()
        rotate(net, *what)
        took = time.monotonic() - began
        found = lost()
    assert (keys(net) == before) == (what == ("--psk",))
    most = max(found.values())
    some = sum(count > 0 for count in found.values())
    print(
        f"{what[0]}: {took:.1f} s, {some} of {len(found)} pairs lost any, at most {most} "
        f"(in 10 s without a rotation: {idle})",
        flush=True,
    )
    return most


def killed(net: Field, name: str, step: str) -> None:
    """The controller dies when any node has reached `step`, and the same command ends it."""
    before = keys(net)
    argv = ("keys", "rotate", str(net.file), name, "--live", "--yes", "--window", "600")
    words = (sys.executable, "-m", "meshc", *argv, *net.options())
    place = net.home / "said"
    with place.open("w") as out:
        process = net.controller.start(*words, stdout=out, stderr=out)
        while process.poll() is None and f": {step}\n" not in place.read_text():
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    for one in NAMES:
        if net.machines[one].shell("ls /var/lib/meshc/deploy/wg0/state.json", check=False):
            window_is_over(net.machines[one])
    rotate(net)
    net.wait_for_traffic(*NAMES)
    after = keys(net)
    assert {one for one in NAMES if before[one] != after[one]} == {name}, (before, after)
    print(f"killed at {step}: gone on with, and over", flush=True)


def keys(net: Field) -> dict[str, str]:
    return {name: net.machines[name].shell("wg show wg0 public-key").strip() for name in NAMES}


if __name__ == "__main__":
    sys.exit(main())

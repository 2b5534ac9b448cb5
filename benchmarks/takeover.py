"""docs/takeover.md as it stands: six hand-written files in namespaces, under pings of every pair
and a TCP stream from one spoke to another, imported, built, and deployed node by node. For how long
had a pair no answer, and what changed on the wire?

Needs root, sshd, wg-quick, wireguard-go and iperf3. It ends with 1 where a pair had no answer for
more than a second, the stream broke off, or a key, address or pre-shared key is another one.

    python benchmarks/takeover.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.deploynet import Field, field
from tests.support.netns import wait_until
from tests.support.takeover_world import (
    ADDRESSES,
    NAMES,
    start_by_hand,
    take_over,
    watched,
    wire,
)

MOST = 1.0
SERVER, CLIENT = "public3", "home1"


def main() -> int:
    with tempfile.TemporaryDirectory() as home, field(Path(home), *NAMES) as net:
        start_by_hand(net)
        take_over(net)
        before = wire(net)
        stream = _stream(net, Path(home) / "stream.json")
        bad = False
        for name in (*NAMES[1:], "hub"):
            with watched(net) as silent:
                time.sleep(1)
                net.deploy(name, "--overwrite-drift")
                time.sleep(1)
                longest = max(silent().values())
            bad |= longest > MOST
            print(f"{name}: no pair without an answer for more than {longest:.2f} s", flush=True)
        same = wire(net) == before
        print("keys, pre-shared keys, prefixes and addresses:", "as before" if same else "changed")
        stream.send_signal(2)
        stream.wait(60)
        said = json.loads((Path(home) / "stream.json").read_text())
        sent = [one["sum"]["bytes"] for one in said["intervals"]]
        still = longest_run(sent)
        print(
            f"TCP from {CLIENT} to {SERVER}: one connection, still for {still * 0.1:.1f} s at most"
        )
        print(net.meshc("plan").stdout.splitlines()[-1])
    return int(bad or not same or not any(sent[-20:]))


def _stream(net: Field, place: Path) -> subprocess.Popen[str]:
    net.machines[SERVER].shell("iperf3 -s -D")
    wait_until(lambda: ":5201 " in net.machines[SERVER].shell("ss -Htln"), what="iperf3")
    argv = ("iperf3", "-c", ADDRESSES[SERVER], "-t", "900", "-i", "0.1", "-b", "5M", "-J")
    with place.open("w") as out:
        return net.machines[CLIENT].start(*argv, stdout=out)


def longest_run(sent: list[int]) -> int:
    """Of intervals in which nothing was sent."""
    longest = now = 0
    for count in sent:
        now = 0 if count else now + 1
        longest = max(longest, now)
    return longest


if __name__ == "__main__":
    sys.exit(main())

"""Agents are killed and started again at random moments, under pings: no pair may be lost for it.

    sudo nice python benchmarks/agent_kills.py --kills 100 --seed 1

A lab of two relays and three leaves, all running `meshc agent`; between two kills there are up to
two seconds, so that many come in the middle of an attempt, an agreement or a move. Every pair of
leaves is pinged ten times a second for all that time. Exit code 1 when a pair was away for more
than `--longest` seconds in all, or has not come back.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from itertools import permutations
from pathlib import Path
from typing import Any

from meshc.lab.commands import RunCommand
from meshc.lab.lab_session import open_session
from meshc.lab.lab_source import prepare
from meshc.lab.probe.ping_stream import PACE, WatchPings
from meshc.lab.world.jobs import PlacedJob

TEXT = """
meshc: 1
network: {name: kills, addresses: [10.63.0.0/24], agent: true}
nodes:
  r1: {role: relay, endpoint: 203.0.113.1}
  r2: {role: relay, endpoint: 203.0.113.2}
  a: {nat: port_restricted, via: [r1]}
  b: {nat: port_restricted, via: [r2]}
  c: {nat: symmetric, via: [r1]}
"""
# what is killed is what this starts: the lab's own agents are not
KILLS = """
import json, os, signal, subprocess, sys, time
agent = [sys.executable, "-c", "from meshc.cli import main; main(['agent', 'wg0'])"]
begun, running, killed = time.monotonic(), subprocess.Popen(agent), 0
for moment in json.loads(sys.argv[1]):
    time.sleep(max(0.0, begun + moment - time.monotonic()))
    running.send_signal(signal.SIGKILL)
    running.wait()
    killed += 1
    running = subprocess.Popen(agent)
time.sleep(max(0.0, begun + float(sys.argv[2]) - time.monotonic()))
running.terminate()
running.wait()
print(killed, "killed")
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=float, default=10.0)
    parser.add_argument("--engine", default="bundled")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="meshc-kills-") as directory:
        file = Path(directory, "mesh.yaml")
        file.write_text(TEXT)
        source = prepare(file, None, lambda _: None)
    pick, now = random.Random(wanted.seed), 15.0
    moments: dict[str, list[float]] = {name: [] for name in source.spec.nodes}
    for _ in range(wanted.kills):
        moments[pick.choice(sorted(moments))].append(now)
        now += pick.uniform(0.1, 2.0)
    end = now + 40.0
    leaves = [name for name, node in source.spec.nodes.items() if not node.is_relay]
    addresses = {name: source.addresses(name)[4] for name in leaves}
    with open_session(source, engine=wanted.engine).lab as lab:
        jobs: list[PlacedJob[Any]] = []
        for name, some in moments.items():
            program = (sys.executable, "-c", KILLS, repr(some), str(end))
            jobs.append(PlacedJob(name, RunCommand(program)))
        for leaf in leaves:
            targets = tuple(addresses[other] for other in leaves if other != leaf)
            jobs.append(PlacedJob(leaf, WatchPings(targets, end - 5)))
        found = sorted(lab.run(jobs, parallel=len(jobs), timeout=end + 120), key=lambda o: o.number)
    for place, one in zip(moments, found, strict=False):
        print(f"{place}: {one.value.output.strip().splitlines()[-1]}")
    outages = [outage for one in found[len(moments) :] for outage in one.value]
    away = [outage.lost * PACE for outage in outages]
    for pair, outage in zip(permutations(leaves, 2), outages, strict=True):
        back = "; has not come back" if outage.still else ""
        print(f"{' → '.join(pair)}: {outage.lost} of {outage.sent} lost{back}")
    print(f"away in all: {max(away):.1f} s at most")
    failed = max(away) > wanted.longest or any(outage.still for outage in outages)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

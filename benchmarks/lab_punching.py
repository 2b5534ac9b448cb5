"""Which pairs of NATs agents bring together, how soon, and what a move costs: a table for the docs.

    sudo nice python benchmarks/lab_punching.py --engine bundled --engine wireguard-go

One relay and two leaves of each kind, all in one lab, without agents. For each pair of kinds the
agents of the relay and of two leaves are started under pings, 5 ms apart, and ended again. Seconds
count from when both leaves' agents began until the first of the two moved. The kind `accept` is
port_restricted behind a router that lets strangers' packets in to itself. It prints Markdown.
Where other programs keep the processors busy agents take long to start: `--seconds` is for how
long a pair is watched.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from datetime import datetime
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

from meshc.lab.commands import RunCommand
from meshc.lab.lab_session import LabSession, open_session
from meshc.lab.lab_source import prepare
from meshc.lab.probe.ping_stream import Outage, WatchPings
from meshc.lab.world.jobs import PlacedJob
from meshc.lab.world.layout_options import LayoutOptions

KINDS = ("none", "full_cone", "restricted", "port_restricted", "symmetric")
ACCEPT = "accept"
PACE = 0.005
CALL = "from meshc.cli import main; main(['agent', 'wg0'])"


def topology() -> str:
    lines = ["meshc: 1", "network: {name: punch, addresses: [10.61.0.0/24], agent: true}", "nodes:"]
    lines.append("  relay: {role: relay, endpoint: 203.0.113.1}")
    for kind in (*KINDS, ACCEPT):
        nat = "port_restricted" if kind == ACCEPT else kind
        lines += [f"  {name(kind, side)}: {{nat: {nat}}}" for side in "ab"]
    return "\n".join(lines) + "\n"


def name(kind: str, side: str) -> str:
    return kind.replace("_", "-") + "-" + side


def run(seconds: float) -> RunCommand:
    """An agent for so long."""
    return RunCommand(("timeout", "-s", "TERM", str(seconds), sys.executable, "-c", CALL))


def try_pair(session: LabSession, one: str, other: str, seconds: float) -> tuple[str, Outage]:
    address = session.source.addresses(other)[4]
    jobs: list[PlacedJob[Any]] = [PlacedJob(one, WatchPings((address,), seconds, PACE))]
    jobs += [PlacedJob(place, run(seconds)) for place in ("relay", one, other)]
    found = sorted(
        session.lab.run(jobs, parallel=len(jobs), timeout=seconds + 60), key=lambda o: o.number
    )
    pings, _, *said = (outcome.value for outcome in found)
    return moved(*(answer.output for answer in said)), pings[0]


def moved(*logs: str) -> str:
    for log in logs:
        if "keeps paths" not in log:
            return f"no agent: {log.strip()[-200:]!r}"
    begun = max(when(log, "keeps paths") for log in logs)
    moves = [when(log, "directly") for log in logs if "directly" in log]
    if len(moves) < len(logs):
        return "relayed"
    return f"{max(0.0, (min(moves) - begun).total_seconds()):.1f} s"


def when(log: str, word: str) -> datetime:
    line = next(line for line in log.splitlines() if word in line)
    return datetime.strptime(" ".join(line.split()[:2]), "%Y-%m-%d %H:%M:%S,%f")


def measure(engine: str, seconds: float) -> None:
    with tempfile.TemporaryDirectory(prefix="meshc-punching-") as directory:
        file = Path(directory, "mesh.yaml")
        file.write_text(topology())
        source = prepare(file, None, lambda _: None)
    accepting = frozenset(name(ACCEPT, side) for side in "ab")
    session = open_session(source, engine=engine, options=LayoutOptions(accepting=accepting))
    with session.lab:
        for one, other in combinations_with_replacement((*KINDS, ACCEPT), 2):
            result, pings = try_pair(session, name(one, "a"), name(other, "b"), seconds)
            print(f"| {one} | {other} | {engine} | {result} | {pings.lost} of {pings.sent} |")
            sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", action="append", choices=("bundled", "wireguard-go", "kernel"))
    parser.add_argument("--seconds", type=float, default=30.0)
    wanted = parser.parse_args()
    print("| NAT | NAT | engine | direct after | pings lost |\n|---|---|---|---|---|")
    for engine in wanted.engine or ["bundled"]:
        measure(engine, wanted.seconds)


if __name__ == "__main__":
    main()

"""Random changes of a network whose leaves are reached only through it: is any node ever lost?

Needs root, sshd, wg-quick, wireguard-go and iptables. Machines are network namespaces: a hub, a
second public node that is a relay at times, and two leaves behind NAT. The operator reaches the hub
from outside and the leaves by ProxyJump at their addresses in the tunnels. Each change (keys,
pre-shared keys, ports, addresses, relays, MTU) is deployed; in one of four the controller is killed
at a random step of a random node, the window is brought to its end, the nodes are left alone until
they have ended it, and the rest is deployed then; in two of three the line of one of them is dead
just when it decides. After each the operator must get a shell on every
node. The log gets a line of JSON for each; one about all of them is printed at the end, and the
exit status is 1 when a node was lost.

    python benchmarks/deploy_changes.py [--changes 200] [--kills 50] [--seed 1] [--fleets 4]
                                        [--log FILE]

A change and its kill follow from the seed and the number of the change. Most of one is waiting:
so `--fleets` such networks, each in a process of its own, take one number after the other beside
each other. What is in the `--log` already is not run again: a run that was ended is continued. A
node that was lost ends its network; the numbers that are left get a new one.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.deadlines import window_is_over
from tests.support.innernet import HOMES, InnerField, inner_field

NODES = ("hub", "public", *HOMES)
STEPS = ("stage", "staged", "commit", "committed", "verify", "verified", "confirm", "confirmed")
ENDED = ("rolled-back", "confirmed", "idle")
BACK = 60.0
"""Seconds in which every node must be reached when all have ended: retries of a handshake."""
GRACE = 8.0
"""Seconds after which leaves begin to decide, instead of 25: they are sure 32 later, not 100."""


def change(here: InnerField, rng: random.Random) -> str:
    """Makes one, builds it, and says what it is."""
    kind = rng.choice(("key", "psk", "port", "hub address", "leaf address", "mtu", "relay"))
    if kind == "key":
        node = rng.choice(NODES)
        here.rotate(node)
        return f"key of {node}"
    if kind == "psk":
        here.rotate("--psk")
    elif kind == "port":
        here.write(port=rng.randrange(20000, 60000))
    elif kind == "hub address":
        here.write(hub=f"10.44.0.{rng.randrange(30, 100)}")
    elif kind == "leaf address":
        number = rng.randrange(2)
        address = f"10.44.0.{rng.randrange(100, 175) + 75 * number}"
        here.write(**{HOMES[number]: address, f"way{number + 1}": address})
    elif kind == "mtu":
        here.write(network=f", mtu: {rng.randrange(1280, 1421)}")
    else:
        here.write(public="" if here.now["public"] else "role: relay, ")
    return kind


def settle(here: InnerField, patience: float = 400.0, *, cut: str = "") -> None:
    """Brings the window to its end, and waits until every node has ended what it was left with.
    The line of the leaf `cut` is dead from then on until it has given up what is new."""
    for name in NODES:
        grace = GRACE if name in HOMES else None
        if here.state(name) not in ENDED:
            window_is_over(here.net.machines[name], grace=grace)
    end = time.monotonic() + patience
    if cut:
        _line(here, cut, "-I")
        while here.state(cut) not in (*ENDED, "armed") and time.monotonic() < end:
            time.sleep(1)
        _line(here, cut, "-D")
    while any(here.state(name) not in ENDED for name in NODES):
        if time.monotonic() > end:
            raise RuntimeError(f"not ended: { {name: here.state(name) for name in NODES} }")
        time.sleep(1)


def _line(here: InnerField, name: str, verb: str) -> None:
    for chain, way in (("INPUT", "-i"), ("OUTPUT", "-o")):
        here.net.machines[name].run("iptables", verb, chain, way, "eth0", "-j", "DROP")


def lost(here: InnerField, patience: float, *, undone: bool = False) -> list[str]:
    """Where the operator gets no shell. `undone`: a node may be where it was before the change."""
    end = time.monotonic() + patience
    left = list(NODES)
    while left:
        left = [name for name in left if not here.reached(name, before=undone)]
        if time.monotonic() > end:
            break
    return left


def one(
    here: InnerField, rng: random.Random, *, kill: bool, window: float
) -> tuple[str, list[str]]:
    """What the change was, and who was lost by it."""
    what = change(here, rng)
    if kill:
        number, step = rng.randrange(12), rng.choice(STEPS)
        code = here.deploy_and_die(str(number), step, window=window)
        cut = rng.choice(("", *HOMES))
        what += f", killed at {step} of change {number}" if code == -9 else f", not killed ({code})"
        what += f", {cut} cut off" if cut else ""
        settle(here, cut=cut)
        gone = lost(here, BACK, undone=True)
        if gone:
            return what, gone
    done = here.net.deploy("--all", "--window", str(window), check=False)
    if done.returncode:
        what += f", once not:\n{done.stdout[-600:]}"
        settle(here)
        done = here.net.deploy("--all", "--window", str(window), check=False)
        what += ", then deployed" if not done.returncode else f", not deployed:\n{done.stdout}"
    if not done.returncode:
        here.all_deployed()
    # what was refused or put back twice is where it was
    return what, lost(here, BACK, undone=bool(done.returncode))


def fleet(numbers: Iterator[int], wanted: argparse.Namespace) -> None:
    """One network after the other, until there is no number left; a line of JSON each."""
    killed = set(kills_of(wanted))
    left = True
    while left:
        left = False
        with tempfile.TemporaryDirectory() as home, inner_field(Path(home)) as here:
            for number in numbers:
                rng = random.Random(f"{wanted.seed}/{number}")
                began = time.monotonic()
                try:
                    what, gone = one(here, rng, kill=number in killed, window=wanted.window)
                except (AssertionError, RuntimeError, subprocess.SubprocessError) as error:
                    what, gone = f"no end: {error}", list(NODES)
                took = round(time.monotonic() - began)
                row = {"number": number, "what": what, "lost": gone, "seconds": took}
                print(json.dumps(row), flush=True)
                if gone:
                    left = True
                    break


def kills_of(wanted: argparse.Namespace) -> list[int]:
    numbers = range(1, wanted.changes + 1)
    return random.Random(wanted.seed).sample(numbers, min(wanted.kills, wanted.changes))


def fleets(numbers: Sequence[int], wanted: argparse.Namespace) -> int:
    """As many as wanted, each with a slice of the numbers. How many of them failed."""
    own = [sys.executable, __file__, "--changes", str(wanted.changes), "--seed", str(wanted.seed)]
    own += ["--kills", str(wanted.kills), "--window", str(wanted.window), "--only"]
    with wanted.log.open("a") as log:
        slices = [numbers[start :: wanted.fleets] for start in range(wanted.fleets)]
        running = [
            subprocess.Popen([*own, ",".join(map(str, some))], stdout=log)
            for some in slices
            if some
        ]
        try:
            return sum(process.wait() != 0 for process in running)
        finally:
            for process in running:
                process.terminate()


def results(log: Path) -> dict[int, dict[str, Any]]:
    """By number; what else is in the log is what a process said when it failed."""
    rows = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return {row["number"]: row for row in rows}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--changes", type=int, default=200)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fleets", type=int, default=4)
    parser.add_argument("--window", type=float, default=120.0)
    parser.add_argument("--log", type=Path, default=Path("deploy_changes.log"))
    parser.add_argument("--only", default="", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.only:
        fleet(map(int, wanted.only.split(",")), wanted)
        return
    wanted.log.touch()
    there = results(wanted.log)
    failed = fleets([n for n in range(1, wanted.changes + 1) if n not in there], wanted)
    found = results(wanted.log).values()
    losses = [row for row in found if row["lost"]]
    row = {
        "changes": len(found),
        "kills": sum(", killed at " in row["what"] for row in found),
        "lost": losses,
        "not_deployed": sum("not deployed" in row["what"] for row in found),
        "longest": max((row["seconds"] for row in found), default=0),
    }
    print(json.dumps(row))
    raise SystemExit(bool(losses) or failed > 0 or len(found) < wanted.changes)


if __name__ == "__main__":
    main()

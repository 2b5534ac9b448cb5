"""Random changes of a network whose leaves are reached only through it: is any node ever lost?

Needs root, sshd, wg-quick, wireguard-go and iptables. Machines are network namespaces: a hub, a
second public node that is a relay at times, and two leaves behind NAT. The operator reaches the hub
from outside and the leaves by ProxyJump at their addresses in the tunnels. Each change (keys,
pre-shared keys, ports, addresses, relays, MTU) is deployed; in one of four the controller is killed
at a random step of a random node, the window is brought to its end, the nodes are left alone until
they have ended it, and the rest is deployed then. After each the operator must get a shell on every
node. One line a change, then one line of JSON; the exit status is 1 when a node was lost.

    python benchmarks/deploy_changes.py [--changes 200] [--kills 50] [--seed 1] [--first 1]

A change and its kill follow from the seed and the number of the change, so that a run can be
continued (`--first 41`), in a new field. Most of one is waiting where nothing else runs: several
fields may run beside each other, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path

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


def settle(here: InnerField, patience: float = 400.0) -> None:
    """Brings the window to its end, and waits until every node has ended what it was left with."""
    for name in NODES:
        grace = GRACE if name in HOMES else None
        if here.state(name) not in ENDED:
            window_is_over(here.net.machines[name], grace=grace)
    end = time.monotonic() + patience
    while any(here.state(name) not in ENDED for name in NODES):
        if time.monotonic() > end:
            raise SystemExit(f"not ended: { {name: here.state(name) for name in NODES} }")
        time.sleep(1)


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
        node, step = rng.choice(NODES), rng.choice(STEPS)
        code = here.deploy_and_die(node, step, window=window)
        what += f", killed at {step} of {node}" if code == -9 else f", not killed ({code})"
        settle(here)
        gone = lost(here, BACK, undone=True)
        if gone:
            return what, gone
    done = here.net.deploy("--all", "--window", str(window), check=False)
    if done.returncode:
        settle(here)
        done = here.net.deploy("--all", "--window", str(window), check=False)
        what += ", deployed twice" if not done.returncode else f", not deployed:\n{done.stdout}"
    if not done.returncode:
        here.all_deployed()
    # what was refused or put back twice is where it was
    return what, lost(here, BACK, undone=bool(done.returncode))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--changes", type=int, default=200)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--window", type=float, default=120.0)
    wanted = parser.parse_args()
    numbers = range(1, wanted.changes + 1)
    killed = set(random.Random(wanted.seed).sample(numbers, min(wanted.kills, wanted.changes)))
    done, kills, losses, undone = 0, 0, [], 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home, inner_field(Path(home)) as here:
        for number in numbers[wanted.first - 1 :]:
            rng = random.Random(f"{wanted.seed}/{number}")
            what, gone = one(here, rng, kill=number in killed, window=wanted.window)
            print(f"{number}: {what}", *(f"LOST {name}" for name in gone), flush=True)
            done += 1
            kills += ", killed at " in what
            undone += "not deployed" in what
            if gone:
                losses.append([number, what, gone])
                break
    row = {"changes": done, "kills": kills, "lost": losses}
    row |= {"not_deployed": undone, "seconds": round(time.monotonic() - began)}
    print(json.dumps(row))
    raise SystemExit(bool(losses))


if __name__ == "__main__":
    main()

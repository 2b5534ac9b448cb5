"""Many nodes at once: does a deploy to all of them take longer than to the slowest?

Needs root, sshd, wg-quick and wireguard-go. Every node is a network namespace with an sshd of its
own, on one segment with the controller. They share the processors of this machine, which real nodes
do not; so each is made slow by waiting: the program that a request sends is started only after
`--slow` seconds. Choose so many that the waiting of one node (it has some seven requests) is longer
than the computing of all of them: about 1.5 CPU seconds a node, shared by the processors.

A change of the MTU is deployed to all, with as many in parallel; of a node counts the time from its
first step to its last. The first node of a wave goes alone (the canary), and all are asked before:
what both take is the start-up. Then another change by the program itself, on a terminal of 80
columns: what it says at the end is one line a node. One line of JSON; the exit status is 1 where
the rest took more than 1.2 times the slowest node, or a node has no line of its own.

    python benchmarks/deploy_many.py [--nodes 40] [--slow 10]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support import deploynet
from tests.support.deploynet import Field, field
from tests.support.netns import environment, login_path
from tests.support.terminal import Terminal

MOST = 1.2
_SLOW = """\
#!/bin/sh
sleep {seconds}
exec {python} "$@"
"""
# deploys all of FILE with a clock
_TIMED = """
import asyncio, json, sys, time
from pathlib import Path
from meshc.deploy.connect.dial import Dialer
from meshc.deploy.rollout import roll_out
from meshc.deploy.plan.survey import survey
from meshc.deploy.plan.target import targets
from meshc.build.pipeline import compare_file

file, config, known, parallel = sys.argv[1:5]
dial = Dialer(Path(config), Path(known))
steps = {}
def tell(name, step):
    steps.setdefault(name, []).append(time.monotonic())
chosen = targets(compare_file(Path(file)), hosts=dial.hosts)
found = asyncio.run(survey(chosen, dial, tell, parallel=64))
steps.clear()
began = time.monotonic()
many = int(parallel)
ends = asyncio.run(roll_out(found, dial, tell, window=900.0, parallel=many))
whole = time.monotonic() - began
own = {name: times[-1] - times[0] for name, times in steps.items()}
print(json.dumps({"whole": whole, "own": own, "good": [end.good for end in ends]}))
"""


def topology(names: list[str], mtu: int) -> str:
    """One relay, and the others are its leaves: so a node has one peer."""
    lines = [
        "meshc: 1",
        f"network: {{name: many, addresses: [10.44.0.0/24], mtu: {mtu}}}",
        "nodes:",
        *(
            f"  {name}: {{{'role: relay, endpoint: 198.51.100.1, ' if name == 'hub' else ''}"
            f"deploy: {{host: 198.51.100.{deploynet.PLACES[name]}, user: root}}}}"
            for name in names
        ),
    ]
    return "\n".join(lines) + "\n"


def timed(net: Field, names: list[str]) -> dict[str, float]:
    argv = [str(net.file), str(net.home / "ssh_config"), str(net.known_hosts), str(len(names))]
    run = net.controller.run(sys.executable, "-c", _TIMED, *argv, timeout=3600)
    found = json.loads(run.stdout)
    assert all(found["good"]), found
    own = found["own"]
    alone = [own["hub"], own[next(name for name in names if name != "hub")]]
    rest, slowest = found["whole"] - sum(alone), max(own.values())
    return {"start": sum(alone), "rest": rest, "slowest": slowest, "ratio": rest / slowest}


def said(net: Field, names: list[str]) -> str:
    """What the program says, without what it has overwritten."""
    command = [sys.executable, "-m", "meshc", "deploy", str(net.file), "--all", "--yes"]
    command += ["--undo-newer"]  # the clock above keeps no journal
    command += ["--window", "900", "--parallel", str(len(names)), *net.options()]
    env = {**environment(), "TERM": "dumb", "COLUMNS": "80"}
    with Terminal(net.controller.argv(command), env=env) as terminal:
        code = terminal.wait(patience=3600)
        assert code == 0, terminal.said
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.said)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, default=40)
    parser.add_argument("--slow", type=float, default=10.0)
    wanted = parser.parse_args()
    names = ["hub", *(f"node{number}" for number in range(1, wanted.nodes))]
    deploynet.PLACES |= {name: 20 + number for number, name in enumerate(names) if number}
    with tempfile.TemporaryDirectory() as home, field(Path(home), *names) as net:
        net.write(topology(names, 1400))
        net.build()
        net.deploy("--all", "--parallel", str(len(names)))
        slow = net.home / "slow"
        slow.mkdir()
        python = shutil.which("python3", path=login_path())
        (slow / "python3").write_text(_SLOW.format(seconds=wanted.slow, python=python))
        (slow / "python3").chmod(0o755)
        for name in names:
            net.machines[name].shell(
                "mkdir -p /usr/local/sbin; mount -t tmpfs tmpfs /usr/local/sbin"
            )
            net.machines[name].shell(f"install {slow}/python3 /usr/local/sbin/python3")
        net.write(topology(names, 1390))
        net.build()
        row = timed(net, names)
        net.write(topology(names, 1380))
        net.build()
        lines = [line.rstrip("\r") for line in said(net, names).splitlines()]
        ends = {name: [line for line in lines if line == f"{name}: deployed"] for name in names}
        apart = [name for name, found in ends.items() if len(found) != 1]
        wide = max(map(len, lines))
    print(json.dumps({"nodes": wanted.nodes, "processors": os.cpu_count(), **row,
                      "no line of its own": apart, "columns": wide}))  # fmt: skip
    raise SystemExit(row["ratio"] > MOST or bool(apart) or wide > 80)


if __name__ == "__main__":
    main()

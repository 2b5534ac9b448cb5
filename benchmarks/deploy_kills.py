"""A deploy killed everywhere: the controller inside of every request, the node's program at every
single change of a commit that restarts, synchronises or starts an interface, and the machine, by a
restart and by a power cut, in every state. Does the node end as it was, or as the confirmed new
one, with nothing beside?

Needs root, sshd, wg-quick, wireguard-go, iptables and systemd. `tests/deploy/test_killed.py` and
`test_systemd.py` try some of these. One line each; it ends at the first that ends otherwise.

    python benchmarks/deploy_kills.py
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.bootednet import booted_field
from tests.support.deploynet import field
from tests.support.killed_deploys import CHANGES, STEPS, killed_commits, killed_controllers
from tests.support.restarted_deploys import STATES, WAYS, restarted_deploys


def main() -> None:
    with tempfile.TemporaryDirectory() as home, field(Path(home), "hub", "public") as net:
        ends = killed_controllers(net, list(itertools.product(STEPS, (True, False))))
        for (step, whole), change in ends.items():
            print(f"{step}, {'whole' if whole else 'half'}: {'new' if change else 'old'}")
        if {way for way, change in ends.items() if change} != {("confirm", True)}:
            raise SystemExit(1)
    for how, changes in CHANGES.items():
        with tempfile.TemporaryDirectory() as home, field(Path(home), "hub") as net:
            ended = killed_commits(net, how, range(changes + 1))
            print(f"{how}: {ended.count('killed')} kills, {ended.count('survived')} survived")
            if ended != [*["killed"] * changes, "survived"]:
                raise SystemExit(1)
    restarts = list(itertools.product(STATES, WAYS))
    with tempfile.TemporaryDirectory() as home, booted_field(Path(home)) as here:
        restarted_deploys(here, [one for one in restarts if one[0] != "committing"], restarts)
        print(f"restarts: {2 * len(restarts) - 2}")


if __name__ == "__main__":
    main()

"""The node puts itself back: the path is cut, or the controller dies after any of its steps."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.support.deadlines import window_is_over
from tests.support.deploynet import Field, field
from tests.support.netns import needs_root, wait_until

pytestmark = [*needs_root, pytest.mark.slow(30)]

PAIR = """\
meshc: 1
network: {{name: fieldnet, addresses: [10.44.0.0/24]}}
nodes:
  hub: {{endpoint: 198.51.100.1, deploy: {{host: 198.51.100.1, user: root}}{hub}}}
  public: {{endpoint: 198.51.100.2, deploy: {{host: 198.51.100.2, user: root}}}}
"""
LONG = "600"
"""Seconds that no machine needs: the test brings the deadline forward."""
STEPS = ("staged", "committed", "verified", "confirmed")
# deploys each FILE to this machine at once, and dies by SIGKILL when it has reached the STEP of it;
# prints the exit codes
KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from meshc.deploy.connect.dial import Dialer
from meshc.deploy.rollout import roll_out
from meshc.deploy.plan.survey import survey
from meshc.deploy.plan.target import targets
from meshc.build.pipeline import compare_file

def deploy(file, stop):
    dial = Dialer(local=True)
    def tell(node, step):
        if step == stop:
            os.kill(os.getpid(), signal.SIGKILL)
    chosen = targets(compare_file(Path(file)), ["node"], local=True)
    found = asyncio.run(survey(chosen, dial, tell))
    asyncio.run(roll_out(found, dial, tell, window=600.0))

children = []
for file, stop in zip(sys.argv[1::2], sys.argv[2::2]):
    child = os.fork()
    if child == 0:
        deploy(file, stop)
        os._exit(0)
    children.append(child)
print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
"""
LONE = """\
meshc: 1
network: {{name: net{number}, interface: wgk{number}, addresses: [10.{number}.0.0/24]}}
nodes:
  node: {{mtu: {mtu}}}
  other: {{endpoint: 198.51.100.77}}
"""


def test_a_configuration_that_cuts_the_way_is_undone_by_the_node(tmp_path: Path) -> None:
    with field(tmp_path, "hub", "public") as net:
        net.write(PAIR.format(hub=""))
        net.build()
        net.deploy("--all")
        net.wait_for_traffic("hub", "public")
        before = net.machines["hub"].shell("cat /etc/wireguard/wg0.conf; ip route; ip rule")
        cut = ', post_up: [ip route add blackhole 198.51.100.250], post_down: ["ip route del \
blackhole 198.51.100.250"]'
        net.write(PAIR.format(hub=cut))
        net.build()
        done = net.deploy("hub", "--window", "12", check=False)
        assert done.returncode == 1
        assert "hub: put back" in done.stdout
        assert "not reached through a new connection" in done.stdout
        after = net.machines["hub"].shell("cat /etc/wireguard/wg0.conf; ip route; ip rule")
        assert after == before
        assert net.leftovers("hub") == ["node.json", "wg0.conf"]
        net.wait_for_traffic("hub", "public")

        net.write(PAIR.format(hub=", post_up: [cat /nowhere]"))
        net.build()
        failed = net.deploy("hub", check=False)
        assert failed.returncode == 1
        assert "the node has put back what was there" in failed.stdout
        now = net.machines["hub"].shell("cat /etc/wireguard/wg0.conf; ip route; ip rule")
        assert now == before
        net.wait_for_traffic("hub", "public")


def test_wherever_the_controller_dies_the_node_is_old_or_new(tmp_path: Path) -> None:
    """One interface a step, all at once. `test_killed` has it die inside of each request, and
    `benchmarks/deploy_changes.py` before and after each."""
    with field(tmp_path, "hub") as net:
        machine = net.machines["hub"]
        files = [_network(net, number, 1300) for number in range(len(STEPS))]
        for file in files:
            machine.meshc("deploy", str(file), "node", "--local", "--yes", "--window", LONG)
        old = [machine.shell(f"cat /etc/wireguard/wgk{n}.conf") for n in range(len(STEPS))]
        files = [_network(net, number, 1350) for number in range(len(STEPS))]
        new = [
            (file.parent / "build" / "node" / f"wgk{n}.conf").read_text()
            for n, file in enumerate(files)
        ]
        argv = [word for file, step in zip(files, STEPS, strict=True) for word in (str(file), step)]
        assert machine.run(sys.executable, "-c", KILLED, *argv).stdout == f"{[-9] * len(STEPS)}\n"
        ends = {}
        window_is_over(machine, *(f"wgk{number}" for number in range(len(STEPS))))
        for number, step in enumerate(STEPS):
            wait_until(lambda n=number: _state(net, n) in ("rolled-back", "confirmed"), patience=90)
            there = machine.shell(f"cat /etc/wireguard/wgk{number}.conf")
            runs = machine.json("ip", "-j", "link", "show", f"wgk{number}")[0]["mtu"]
            assert (there, runs) in ((old[number], 1300), (new[number], 1350)), step
            ends[step] = runs
        assert ends == {step: 1350 if step == "confirmed" else 1300 for step in STEPS}
        assert [name for name in net.leftovers("hub") if name.startswith(".")] == []


def _network(net: Field, number: int, mtu: int) -> Path:
    file = net.home / f"net{number}" / "mesh.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(LONE.format(number=number + 100, mtu=mtu).replace("wgk10", "wgk"))
    net.controller.meshc("build", str(file))
    return file


def _state(net: Field, number: int) -> str:
    path = f"/var/lib/meshc/deploy/wgk{number}/state.json"
    text = net.machines["hub"].shell(f"cat {path}", check=False)
    return str(json.loads(text or '{"state": ""}')["state"])

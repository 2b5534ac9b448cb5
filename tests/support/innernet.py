"""Leaves that the operator reaches through the mesh only: by ProxyJump over the hub, at their
addresses in the tunnels."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.deploynet import Field, field

HOMES = ("home1", "home2")
TOPOLOGY = """\
meshc: 1
network: {{name: fieldnet, addresses: [10.44.0.0/24]{network}}}
nodes:
  hub:
    role: relay
    endpoint: "198.51.100.1:{port}"
    address: {hub}
    deploy: {{host: 198.51.100.1}}
    pre_down: [{slow}]
  public: {{{public}endpoint: "198.51.100.2:51820", deploy: {{host: 198.51.100.2}}}}
  home1: {{nat: port_restricted, address: {home1}, deploy: {{host: {way1}}}{leaf}}}
  home2: {{nat: symmetric, address: {home2}, deploy: {{host: {way2}}}}}
"""
FIRST: dict[str, Any] = {
    "network": "",
    "port": 51820,
    "hub": "10.44.0.1",
    "home1": "10.44.0.11",
    "home2": "10.44.0.12",
    "way1": "10.44.0.11",
    "way2": "10.44.0.12",
    "leaf": "",
    "public": "",
    "slow": "",
}
OUTSIDE = {"hub": "198.51.100.1", "public": "198.51.100.2"}
_FIRST_WAYS = {"way1": "198.51.100.11", "way2": "198.51.100.12"}
# deploys all of FILE and dies by SIGKILL when NODE (or one of those that change, where it is a
# number) has reached STEP
_KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from meshc.deploy.connect.dial import Dialer
from meshc.deploy.rollout import roll_out
from meshc.deploy.plan.survey import survey
from meshc.deploy.plan.target import targets
from meshc.build.pipeline import compare_file

file, node, stop, config, known, window = sys.argv[1:7]
dial = Dialer(Path(config), Path(known))
places = []
def tell(name, step):
    if name in places and step == stop:
        os.kill(os.getpid(), signal.SIGKILL)
chosen = targets(compare_file(Path(file)), hosts=dial.hosts)
found = asyncio.run(survey(chosen, dial, tell))
assert not any(one.findings for one in found), [one.findings for one in found]
changing = [one.target.name for one in found if one.difference]
places += [changing[int(node) % len(changing)] if node.isdigit() else node]
sys.exit(str(asyncio.run(roll_out(found, dial, tell, window=float(window)))))
"""


class InnerField:
    """`net` with its first network deployed; `write` changes and builds it."""

    def __init__(self, net: Field) -> None:
        self.net = net
        self.now = dict(FIRST)
        self.before: list[dict[str, Any]] = []
        """What was, or may be, deployed since it was certain that all of it is."""

    def write(self, **changes: Any) -> None:
        self.before.append(dict(self.now))
        self.now |= changes
        self.net.write(TOPOLOGY.format(**self.now))
        self.net.build()

    def all_deployed(self) -> None:
        """Nothing of what was before is anywhere any more."""
        self.before.clear()

    def rotate(self, *nodes: str) -> None:
        """New keys for nodes, and a build of them."""
        self.net.controller.meshc("keys", "rotate", str(self.net.file), *nodes)
        self.net.build()

    def state(self, name: str) -> str:
        """Of the last deployment, as the node has it on its disk."""
        path = "/var/lib/meshc/deploy/wg0/state.json"
        text = self.net.machines[name].shell(f"cat {path}", check=False)
        return str(json.loads(text or '{"state": "idle"}')["state"])

    def reached(self, name: str, *, before: bool = False) -> bool:
        """Whether the operator gets a shell there; with `before`, where it was before a change
        that may have been put back."""
        places = [self.now, *(self.before if before else ())]
        hosts = {OUTSIDE.get(name) or str(place[name]) for place in places}
        return any(map(self._shell, sorted(hosts)))

    def _shell(self, host: str) -> bool:
        options = ["-F", str(self.net.home / "ssh_config"), "-o", "BatchMode=yes"]
        options += ["-o", "ConnectTimeout=15"]
        argv = ("ssh", *options, f"root@{host}", "echo here")
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.net.controller.run(*argv, check=False, timeout=60).stdout == "here\n"
        return False

    def deploy_and_die(self, node: str, step: str, *, window: float) -> int:
        """The exit code: -9 when it got there. `node`: its name, or a number, which one of those
        that change."""
        net = self.net
        argv = [str(net.file), node, step, str(net.home / "ssh_config"), str(net.known_hosts)]
        with net.controller.start(
            *(sys.executable, "-c", _KILLED, *argv, str(window)), stderr=subprocess.DEVNULL
        ) as process:
            return process.wait(400)

    def deploying(self, *, window: float) -> subprocess.Popen[str]:
        """A deploy of all that goes on beside the test."""
        argv = ("deploy", str(self.net.file), "--all", "--yes", "--window", str(window))
        return self.net.controller.start(
            *(sys.executable, "-m", "meshc", *argv, *self.net.options()), stdout=subprocess.PIPE
        )


@contextlib.contextmanager
def inner_field(home: Path) -> Iterator[InnerField]:
    """The leaves got their first file from outside, through their routers."""
    with field(home, "hub", "public", *HOMES) as net:
        key = (home / "host_key.pub").read_text()
        with net.known_hosts.open("a") as file:
            file.write("".join(f"10.44.0.{number} {key}" for number in range(1, 255)))
        (home / "ssh_config").write_text(
            f"IdentityFile {home / 'login'}\nIdentitiesOnly yes\nUser root\n"
            f"UserKnownHostsFile {home / 'known_hosts'}\n"
            "Host 10.44.0.*\n  ProxyJump root@198.51.100.1\n"
        )
        here = InnerField(net)
        here.write(**_FIRST_WAYS)
        net.deploy("--all")
        net.wait_for_traffic("hub", *HOMES)
        here.write(**{way: FIRST[way] for way in _FIRST_WAYS})
        net.deploy("--all")  # from here on no way but this one is known
        yield here

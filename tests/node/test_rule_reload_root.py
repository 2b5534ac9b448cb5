"""Rules of policies while they are replaced: a flow that no rule allows, sent all the time, never
gets through, whoever brings the next rules and whoever is killed on the way.

leaf 192.0.2.2 ---- veth ---- 192.0.2.1 hub
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support import wgconf
from tests.support.netns import Namespace, connect, namespaces, needs_root, require, wait_until
from tests.support.policy_networks import policy_network

pytestmark = [*needs_root, pytest.mark.slow]

TEXT = """
meshc: 1
network: {{name: n, firewall: {tool}, addresses: 10.44.0.0/24}}
nodes:
  hub: {{role: relay, endpoint: 192.0.2.1, listen_port: 51820}}
  leaf: {{}}
  other: {{}}
policies:
"""
VERSIONS = (
    "  - {from: leaf, to: hub, allow: udp/53}\n",
    "  - {from: leaf, to: hub, allow: [udp/53, tcp/1-1000]}\n  - {from: other, to: all}\n",
    "  - {from: other, to: hub, allow: udp/9}\n",
)
_COUNTERS = """
table inet probe {
counter seen { }
counter passed { }
chain first { type filter hook prerouting priority -500;
iifname "wg0" udp dport 9 counter name seen
}
chain last { type filter hook input priority 200;
iifname "wg0" udp dport 9 counter name passed
}
}
"""
_SILENT: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
_FLOOD = """
import socket, time
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
    print("ready", flush=True)
    while True:
        time.sleep(0.0003)
        try: out.sendto(b"denied", ("HUB", 9))
        except OSError: pass
"""


class Flooded(NamedTuple):
    hub: Namespace
    tool: str
    directory: Path
    files: tuple[str, ...]

    def write(self, version: int) -> Path:
        return wgconf.write(self.directory / "hub", "wg0", self.files[version])

    def rules(self) -> str:
        """What is loaded now."""
        save = ("nft", "list", "table", "inet", "meshc-wg0")
        if self.tool == "iptables":
            save = ("iptables-save", "-t", "filter")
        said = self.hub.run(*save, check=False).stdout
        return re.sub(r"(?m)^#.*\n|\[\d+:\d+\]", "", said)

    def count(self, name: str) -> int:
        said = self.hub.run("nft", "list", "counter", "inet", "probe", name).stdout
        return int(re.search(r"packets (\d+)", said)[1])  # type: ignore[index]

    def some_more(self) -> None:
        """Waits until the flood has been there once more."""
        before = self.count("seen")
        wait_until(lambda: self.count("seen") > before + 50, what="the flood")


@pytest.fixture(params=["nftables", "iptables"])
def flooded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flooded]:
    require("wireguard-go", "wg-quick", "nft", "iptables-restore")
    networks = [policy_network(TEXT.format(tool=request.param) + one) for one in VERSIONS]
    with namespaces("hub", "leaf") as (hub, leaf):
        connect(hub, leaf, left_name="eth0", right_name="eth0")
        hub.shell("ip addr add 192.0.2.1/24 dev eth0")
        leaf.shell("ip addr add 192.0.2.2/24 dev eth0")
        hub.run("nft", "-f", "-", input=_COUNTERS)
        made = Flooded(hub, request.param, tmp_path, tuple(n.files()["hub"] for n in networks))
        there = wgconf.write(tmp_path / "leaf", "wg0", networks[1].files()["leaf"])
        leaf.meshc("up", str(there), "--engine", "wireguard-go")
        address = networks[0].plan.nodes["hub"].addresses[0].address
        flood = leaf.start("python3", "-c", _FLOOD.replace("HUB", address), stdout=subprocess.PIPE)
        assert flood.stdout is not None
        assert flood.stdout.readline() == "ready\n"
        yield made
        flood.kill()
        flood.wait()
        flood.stdout.close()


def killed(process: subprocess.Popen[str], after: float) -> None:
    """It ends by itself, or after so many seconds."""
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def test_no_rule_is_absent_while_meshc_reloads(flooded: Flooded) -> None:
    flooded.hub.meshc("up", str(flooded.write(0)), "--engine", "wireguard-go")
    flooded.some_more()
    known = [flooded.rules()]
    for version in (1, 2, 0):
        flooded.hub.meshc("reload", str(flooded.write(version)))
        flooded.some_more()
        known.append(flooded.rules())
    assert len({*known}) == len(VERSIONS)
    assert known[0] == known[-1]
    rng = random.Random(1)
    for version in (1, 2, 0):
        reload = ("python3", "-m", "meshc", "reload", str(flooded.write(version)))
        killed(flooded.hub.start(*reload, **_SILENT), rng.uniform(0.2, 1.5))
        assert flooded.rules() in known
        flooded.some_more()
    flooded.hub.meshc("reload", str(flooded.write(1)))
    assert flooded.rules() == known[1]
    flooded.some_more()
    assert flooded.count("passed") == 0
    # without the rules it would have been seen
    flooded.hub.shell("nft delete table inet meshc-wg0 || iptables -F INPUT")
    wait_until(lambda: flooded.count("passed") > 0, what="a packet that nothing holds back")
    flooded.hub.meshc("down", "wg0")
    assert "meshc" not in flooded.rules().lower()


def test_wg_quick_loads_before_anything_can_arrive(flooded: Flooded) -> None:
    """It takes the interface down and brings it up again, or is killed on the way up: rules come
    before the interface and go after it."""
    quick = f"WG_QUICK_USERSPACE_IMPLEMENTATION={shutil.which('wireguard-go')}"
    for version in (0, 1):
        file = str(flooded.write(version))
        flooded.hub.run("env", quick, "wg-quick", "up", file)
        flooded.some_more()
        flooded.hub.run("env", quick, "wg-quick", "down", file)
    rng = random.Random(1)
    for _ in range(2):
        up = flooded.hub.start("env", quick, "wg-quick", "up", file, **_SILENT)
        killed(up, rng.uniform(0.05, 0.6))
        flooded.hub.run("env", quick, "wg-quick", "down", file, check=False)
    flooded.hub.run("env", quick, "wg-quick", "up", file, check=False)
    assert flooded.count("passed") == 0
    assert flooded.count("seen") > 100

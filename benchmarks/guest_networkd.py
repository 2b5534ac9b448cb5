"""systemd-networkd and the files for it, in a virtual machine whose kernel has WireGuard.

python benchmarks/networkd_in_a_kernel.py    boots the machine and runs this file in it (5 min)
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from meshc.build.pipeline import compile_file
from tests.support.netns import Namespace, connect, namespaces, wait_until
from tests.support.networkd import NETWORKD, complaints, routing, start_networkd

TOPOLOGY = """\
meshc: 1
network: {name: field, addresses: [10.44.0.0/24, "fd44::/64"]}
nodes:
  hub: {role: relay, endpoint: 192.0.2.1, exit_node: true, outputs: [networkd]}
  laptop: {exit: hub, listen_port: 51999, outputs: [networkd]}
"""


@pytest.mark.skipif(not NETWORKD.exists(), reason="needs networkd")
def test_networkd_makes_the_interface_as_wg_quick_does(tmp_path: Path) -> None:
    """Keys, peers, marks and routes are the same, and packets pass both ways."""
    (tmp_path / "mesh.yaml").write_text(TOPOLOGY)
    compile_file(tmp_path / "mesh.yaml")
    build = tmp_path / "build"
    with namespaces("hub", "laptop") as (hub, laptop):
        connect(hub, laptop, left_name="eth0", right_name="eth0")
        hub.shell("ip addr add 192.0.2.1/24 dev eth0; ip link set lo up")
        laptop.shell("ip addr add 192.0.2.2/24 dev eth0; ip link set lo up")
        by_wg_quick = {}
        for name, place in (("hub", hub), ("laptop", laptop)):
            conf = str(build / name / "wg0.conf")
            place.run("wg-quick", "up", conf)
            by_wg_quick[name] = (routing(place), device(place))
            place.run("wg-quick", "down", conf)
        running = [
            networkd(place, build / name / "networkd", tmp_path / name)
            for name, place in (("hub", hub), ("laptop", laptop))
        ]
        laptop.shell("ping -c 3 -W 20 10.44.0.1; ping -c 3 -W 20 fd44::1")
        assert "MESHC-FWD-wg0" in hub.shell("iptables -S FORWARD")
        assert (routing(hub), device(hub)) == by_wg_quick["hub"]
        assert (routing(laptop), device(laptop)) == by_wg_quick["laptop"]
        for process in running:
            process.terminate()
            process.wait(300)


def networkd(place: Namespace, files: Path, log: Path) -> subprocess.Popen[str]:
    """The interface is configured."""
    process = start_networkd(place, files, log, device=True)
    wait_until(lambda: "Configuring with" in log.read_text(), patience=300)
    place.run("bash", str(files / "wg0-hooks.sh"), "up")
    wait_until(lambda: "configuring -> configured" in log.read_text(), patience=300)
    assert complaints(log) == []
    return process


def device(place: Namespace) -> list[list[str]]:
    """Keys, port, mark and peers (with their prefixes in one order, without what they learned),
    and the MTU."""
    first, *peers = [line.split("\t") for line in place.shell("wg show wg0 dump").splitlines()]
    known = [
        [key, psk, *sorted(allowed.split(",")), keepalive]
        for key, psk, _, allowed, _, _, _, keepalive in peers
    ]
    return [first, *sorted(known), [place.shell("ip -o link show wg0 | grep -o 'mtu [0-9]*'")]]

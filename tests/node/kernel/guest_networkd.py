"""systemd-networkd and the files for it, in a virtual machine whose kernel has WireGuard.

Not collected by itself: `test_kernel.py` boots the machine and runs this file in it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.build.pipeline import compile_file
from tests.support.netns import connect, namespaces, wait_until
from tests.support.networkd import NETWORKD, complaints, routing, start_networkd

TOPOLOGY = """\
meshc: 1
network: {name: field, addresses: [10.44.0.0/24, "fd44::/64"]}
nodes:
  hub: {role: relay, endpoint: 192.0.2.1, exit_node: true, outputs: [networkd]}
  laptop: {exit: hub, outputs: [networkd]}
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
        asked = ("wg show wg0 dump | cut -f 1-4,8", "ip -o link show wg0 | grep -o 'mtu [0-9]*'")
        by_wg_quick = []
        for name, place in (("hub", hub), ("laptop", laptop)):
            conf = str(build / name / "wg0.conf")
            place.run("wg-quick", "up", conf)
            by_wg_quick.append((routing(place), *map(place.shell, asked)))
            place.run("wg-quick", "down", conf)
        by_networkd = []
        for name, place in (("hub", hub), ("laptop", laptop)):
            log = tmp_path / name
            start_networkd(place, build / name / "networkd", log, device=True)
            wait_until(lambda log=log: "Configuring with" in log.read_text(), patience=300)
            place.run("bash", str(build / name / "networkd" / "wg0-hooks.sh"), "up")
            wait_until(lambda log=log: "configuring -> configured" in log.read_text(), patience=300)
            assert complaints(log) == []
        laptop.shell("ping -c 3 -W 20 10.44.0.1; ping -c 3 -W 20 fd44::1")
        for place in (hub, laptop):
            by_networkd.append((routing(place), *map(place.shell, asked)))
        assert "MESHC-FWD-wg0" in hub.shell("iptables -S FORWARD")
        assert by_networkd[0][0] == by_wg_quick[0][0]
        assert by_networkd[1] == by_wg_quick[1]

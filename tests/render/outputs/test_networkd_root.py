"""What systemd-networkd makes of its files, beside what wg-quick(8) makes of the same node's.

The interface is that of wireguard-go, so that no kernel with WireGuard is needed;
`tests/node/kernel/guest_networkd.py` lets networkd make it by itself.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.build.pipeline import compile_file
from tests.support.netns import Namespace, connect, namespaces, needs_root, require, wait_until
from tests.support.networkd import NETWORKD, complaints, routing, start_networkd

pytestmark = [*needs_root, pytest.mark.skipif(not NETWORKD.exists(), reason="needs networkd")]
TOPOLOGY = """\
meshc: 1
network: {name: field, addresses: [10.44.0.0/24, "fd44::/64"]}
nodes:
  hub: {role: relay, endpoint: 192.0.2.1, exit_node: true, outputs: [networkd]}
  laptop: {exit: hub, outputs: [networkd]}
  desk: {outputs: [networkd]}
  far:
    outputs: [networkd]
    table: "77"
    post_up: [ip rule add to 10.44.0.0/24 table 77, "ip -6 rule add to fd44::/64 table 77"]
    post_down: [ip rule del to 10.44.0.0/24 table 77, "ip -6 rule del to fd44::/64 table 77"]
"""
# rules that stand in comments of a file, which a hook hands to the tool of the firewall
POLICIES = "policies: [{from: all, to: [all, internet]}]\n"
ENGINE = "WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("networkd")
    (place / "mesh.yaml").write_text(TOPOLOGY + POLICIES)
    compile_file(place / "mesh.yaml")
    return place / "build"


@contextlib.contextmanager
def with_networkd(place: Namespace, node: Path, log: Path) -> Iterator[None]:
    """The interface is there; networkd gives it what its .network says, the unit its hooks."""
    require("wireguard-go", "wg")
    conf = node / "wg0.conf"
    mark = f"sed -n s/FirewallMark=//p {node}/networkd/wg0.netdev"
    place.shell(f"wireguard-go wg0; wg setconf wg0 <(wg-quick strip {conf})")
    place.shell(f"wg set wg0 fwmark $({mark} | grep . || echo 0)")
    process = start_networkd(place, node / "networkd", log, device=False)
    try:
        script = node / "networkd" / "wg0-hooks.sh"
        wait_until(lambda: "Configuring with" in log.read_text(), what="networkd to see wg0")
        if script.exists():
            place.run("bash", str(script), "up")
        wait_until(lambda: "wg0: State changed: configuring -> configured" in log.read_text())
        yield
        if script.exists():
            place.run("bash", str(script), "down")
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize("node", ["laptop", "desk", "far", "hub"])
def test_it_routes_as_wg_quick_does(built: Path, tmp_path: Path, node: str) -> None:
    with namespaces("networkd", "quick") as (one, other):
        for place in (one, other):
            place.shell("ip link set lo up")
        other.run("env", ENGINE, "wg-quick", "up", str(built / node / "wg0.conf"))
        with with_networkd(one, built / node, tmp_path / "log"):
            assert complaints(tmp_path / "log") == []
            assert routing(one) == routing(other)
        assert shutil.which("iptables") is None or "MESHC" not in one.shell("iptables -S")


@pytest.mark.parametrize("node", ["laptop", "hub"])
def test_it_understands_every_line(built: Path, tmp_path: Path, node: str) -> None:
    """This kernel may have no WireGuard; then the device is what it cannot make."""
    log = tmp_path / "log"
    with namespaces("networkd") as (one,):
        process = start_networkd(one, built / node / "networkd", log, device=True)
        wait_until(lambda: "wg0: netdev" in log.read_text() or "wg0: Created" in log.read_text())
        process.terminate()
        process.wait(20)
    assert complaints(log) == []


def test_packets_pass(built: Path, tmp_path: Path) -> None:
    """A relay with its rules, and the user of its exit."""
    with namespaces("hub", "laptop") as (hub, laptop):
        connect(hub, laptop, left_name="eth0", right_name="eth0")
        hub.shell("ip addr add 192.0.2.1/24 dev eth0; ip link set lo up")
        laptop.shell("ip addr add 192.0.2.2/24 dev eth0; ip link set lo up")
        with (
            with_networkd(hub, built / "hub", tmp_path / "hub"),
            with_networkd(laptop, built / "laptop", tmp_path / "laptop"),
        ):
            assert "MESHC-FWD-wg0" in hub.shell("iptables -S FORWARD")
            for target in ("10.44.0.1", "fd44::1"):
                laptop.shell(f"ping -c 1 -W 20 {target}")

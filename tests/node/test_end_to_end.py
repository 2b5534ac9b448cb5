"""Packets through nodes that meshc brought up: a leaf, its exit, and an internet behind it.

leaf 192.0.2.1 ---- 192.0.2.2 exit 203.0.113.1 ---- 203.0.113.9 web
            wg0 10.44.0.2 / fd44::2     wg0 10.44.0.1 / fd44::1
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.keys import PrivateKey
from meshc.prefixes import Prefix
from meshc.topology.planner.mesh_plan import Forwarding
from tests.support import wgconf
from tests.support.emitted_hooks import forwarding_lines
from tests.support.netns import Namespace, connect, namespaces, needs_root, require, wait_until
from tests.support.snapshot import changed, snapshot

pytestmark = needs_root

LEAF, EXIT = PrivateKey.generate(), PrivateKey.generate()
POOLS = (Prefix.parse("10.44.0.0/24"), Prefix.parse("fd44::/64"))
FORWARDING = Forwarding((4, 6), POOLS, relay=True, exit=True, users=POOLS, clamp_mss=True)


@pytest.fixture
def world() -> Iterator[tuple[Namespace, Namespace, Namespace]]:
    require("wireguard-go", "ping", "iptables", "ip6tables")
    with namespaces("leaf", "exit", "web") as (leaf, exit_, web):
        connect(leaf, exit_, left_name="eth0", right_name="eth0")
        connect(exit_, web, left_name="eth1", right_name="eth0")
        leaf.shell("ip addr add 192.0.2.1/24 dev eth0; ip route add default via 192.0.2.2")
        exit_.shell(
            "ip addr add 192.0.2.2/24 dev eth0; ip addr add 203.0.113.1/24 dev eth1;"
            "ip addr add 2001:db8::1/64 dev eth1 nodad; ip route add default via 203.0.113.9;"
            "ip -6 route add default via 2001:db8::9; iptables -P FORWARD DROP;"
            "ip6tables -P FORWARD DROP"
        )
        web.shell("ip addr add 203.0.113.9/24 dev eth0; ip addr add 2001:db8::9/64 dev eth0 nodad")
        for one in (leaf, exit_, web):
            wait_until(lambda one=one: "tentative" not in one.shell("ip -6 addr"))
        yield leaf, exit_, web


@pytest.mark.parametrize("engine", ["wireguard-go", "bundled"])
def test_an_exit_carries_both_families_and_then_does_not(
    world: tuple[Namespace, Namespace, Namespace], tmp_path: Path, engine: str
) -> None:
    leaf, exit_, web = world
    before = snapshot(leaf), snapshot(exit_)
    path = wgconf.write(
        tmp_path / "exit",
        "wg0",
        wgconf.interface(
            "Address = 10.44.0.1/32, fd44::1/128",
            "ListenPort = 51820",
            *forwarding_lines(FORWARDING),
            key=EXIT,
        )
        + wgconf.peer(
            "# Name = leaf", "AllowedIPs = 10.44.0.2/32, fd44::2/128", key=LEAF.public_key()
        ),
    )
    exit_.meshc("up", str(path), "--engine", engine)
    path = wgconf.write(
        tmp_path / "leaf",
        "wg0",
        wgconf.interface("Address = 10.44.0.2/32, fd44::2/128", key=LEAF)
        + wgconf.peer(
            "AllowedIPs = 0.0.0.0/0, ::/0", "Endpoint = 192.0.2.2:51820", key=EXIT.public_key()
        ),
    )
    assert leaf.run("ping", "-c", "1", "-W", "1", "203.0.113.9", check=False).returncode
    leaf.meshc("up", str(path), "--engine", engine)
    leaf.shell("ping -c 2 -W 10 203.0.113.9")
    leaf.shell("ping -c 2 -W 10 2001:db8::9")
    # the packets came from the exit's own address: masqueraded
    assert "203.0.113.1" in exit_.shell("iptables -t nat -vL MESHC-NAT-wg0 -n; ip addr show eth1")
    status = json.loads(exit_.meshc("status", "wg0", "--json").stdout)["interfaces"]
    assert [(peer["name"], peer["health"]) for peer in status[0]["peers"]] == [("leaf", "live")]
    figures = exit_.meshc("status", "--metrics").stdout
    (sent,) = re.findall(r'wireguard_sent_bytes_total\{.*friendly_name="leaf".*\} (.*)', figures)
    assert float(sent) >= status[0]["peers"][0]["sent"] > 0
    # nobody but the mesh gets through: the host's own policy stands
    web.shell("ip route add 192.0.2.0/24 via 203.0.113.1")
    assert web.run("ping", "-c", "1", "-W", "1", "192.0.2.1", check=False).returncode
    leaf.meshc("down", "wg0")
    exit_.meshc("down", "wg0")
    assert changed(before[0], snapshot(leaf)) == {}
    assert changed(before[1], snapshot(exit_)) == {}

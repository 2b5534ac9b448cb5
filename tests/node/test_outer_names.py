"""Names of endpoints are looked up outside of the tunnel, which cannot heal itself otherwise.

leaf 192.0.2.1 ---- 192.0.2.2 (later .3) exit 203.0.113.1 ---- 203.0.113.53 name server
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.keys import PrivateKey
from meshc.node import outer_names
from meshc.node.outer_names import look_up, name_servers, outer_servers
from meshc.node.system.dns import FILE, DnsSet
from tests.support import wgconf
from tests.support.name_server import name_server
from tests.support.netns import Namespace, connect, namespaces, needs_root, require, wait_until

OLD = "bmFtZXNlcnZlciAyMDMuMC4xMTMuNTMK"  # nameserver 203.0.113.53
LEAF, EXIT = PrivateKey.generate(), PrivateKey.generate()


def test_the_servers_from_before_are_asked_and_none_of_the_tunnel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And those that DHCP wrote down since."""
    now = tmp_path / "resolv.conf"
    now.write_text("nameserver 10.44.0.1\nnameserver 192.0.2.9\nnameserver 127.0.0.53\n")
    monkeypatch.setattr(outer_names, "RESOLV_CONF", now)
    recorded = (DnsSet("wg0", ("10.44.0.1",), (), FILE, OLD),)
    assert outer_servers(recorded, "wg0") == ("203.0.113.53", "192.0.2.9")


def test_only_addresses_are_name_servers() -> None:
    text = "search nameserver\nnameserver fe80::1%eth0\nnameserver x\nnameserver\n# nameserver ::1"
    assert name_servers(text) == ["fe80::1%eth0"]


def test_a_name_of_the_hosts_file_is_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("# 192.0.2.1 vpn.example\n192.0.2.7 other VPN.example # x\n")
    monkeypatch.setattr(outer_names, "_HOSTS", hosts)
    assert look_up("vpn.Example", (), 0) == ["192.0.2.7"]
    assert look_up("vpn", (), 0) == []
    assert look_up("192.0.2.3", (), 0) == ["192.0.2.3"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[Namespace, Namespace]]:
    require("wireguard-go", "ping")
    with namespaces("leaf", "exit") as (leaf, exit_):
        connect(leaf, exit_, left_name="eth0", right_name="eth0")
        leaf.shell("ip addr add 192.0.2.1/24 dev eth0; ip route add default via 192.0.2.2")
        exit_.shell(
            "ip addr add 192.0.2.2/24 dev eth0; ip addr add 203.0.113.53/32 dev lo;"
            "iptables -A INPUT -i wg0 -p udp --dport 53 -j DROP"
        )
        (tmp_path / "address").write_text("192.0.2.2")

        with name_server(exit_, "203.0.113.53", tmp_path / "address"):
            leaf.shell("echo nameserver 203.0.113.53 > /run/resolv.conf")
            yield leaf, exit_


@pytest.mark.root
@needs_root[1]
@needs_root[2]
def test_an_exit_user_with_its_name_server_in_the_tunnel_heals(
    world: tuple[Namespace, Namespace], tmp_path: Path
) -> None:
    leaf, exit_ = world
    text = wgconf.interface("Address = 10.44.0.1/32", "ListenPort = 51820", key=EXIT)
    text += wgconf.peer("AllowedIPs = 10.44.0.2/32", key=LEAF.public_key())
    exit_.meshc("up", str(wgconf.write(tmp_path / "e", "wg0", text)), "--engine", "wireguard-go")
    text = wgconf.interface("Address = 10.44.0.2/32", "DNS = 10.44.0.1", key=LEAF)
    text += wgconf.peer(
        "AllowedIPs = 0.0.0.0/0",
        "Endpoint = vpn.example:51820",
        "PersistentKeepalive = 1",
        key=EXIT.public_key(),
    )
    path = wgconf.write(tmp_path / "l", "wg0", text)
    leaf.meshc("up", str(path), "--engine", "wireguard-go")
    leaf.shell("ping -c 1 -W 10 10.44.0.1; grep 10.44.0.1 /etc/resolv.conf")
    # the exit moves, and its name with it
    exit_.shell("ip addr add 192.0.2.3/24 dev eth0; ip addr del 192.0.2.2/24 dev eth0")
    exit_.shell("ip addr add 192.0.2.3/24 dev eth0", check=False)
    leaf.shell("ip route replace default via 192.0.2.3")
    (tmp_path / "address").write_text("192.0.2.3")
    # as the loop would 135 seconds after the last handshake
    leaf.run(
        sys.executable,
        "-c",
        "import time\nfrom pathlib import Path\nfrom meshc.agent.watch import look_once\n"
        "from meshc.node.state_file import StateFile\n"
        "record = StateFile(Path('/run/meshc'), 'wg0').load()\n"
        "assert look_once(record, now=time.time() + 200) == 1",
        timeout=20,
    )
    assert "192.0.2.3:51820" in leaf.shell("wg show wg0 endpoints")
    wait_until(lambda: leaf.run("ping", "-c1", "-W1", "10.44.0.1", check=False).returncode == 0)
    leaf.meshc("down", "wg0")
    assert "203.0.113.53" in leaf.shell("cat /etc/resolv.conf")

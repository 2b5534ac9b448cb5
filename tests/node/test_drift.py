"""What somebody changed on a running system is seen, whoever brought it up: meshc or wg-quick.

The node is a relay and an exit user at once, so that all there is to change is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from meshc.keys import PrivateKey
from meshc.prefixes import Prefix
from meshc.topology.planner.mesh_plan import Forwarding
from tests.support import wgconf
from tests.support.emitted_hooks import forwarding_lines
from tests.support.frozen_agent import freeze_agent
from tests.support.netns import Namespace, namespaces, needs_root, require

pytestmark = needs_root

PEER = PrivateKey.generate().public_key()
RELAY = Forwarding((4,), (Prefix.parse("10.44.0.0/24"),), relay=True)
CHANGES = {
    "route": "ip route del 10.60.0.0/16 dev wg0",
    "psk": f"wg set wg0 peer {PEER} preshared-key <(wg genpsk)",
    "endpoint": f"wg set wg0 peer {PEER} endpoint 192.0.2.99:1",
    "keepalive": f"wg set wg0 peer {PEER} persistent-keepalive 7",
    "allowed ips": f"wg set wg0 peer {PEER} allowed-ips 10.44.0.2/32",
    "port": "wg set wg0 listen-port 40404",
    "fwmark": "wg set wg0 fwmark 99",
    "private key": "wg set wg0 private-key <(wg genkey)",
    "link down": "ip link set wg0 down",
    "mtu": "ip link set wg0 mtu 1300",
    "address": "ip addr del 10.44.0.1/32 dev wg0",
    "flushed rules": "iptables -F FORWARD",
    "emptied chain": "iptables -F MESHC-FWD-wg0",
    "a rule before ours": "iptables -I FORWARD -j DROP",
    "forwarding": "echo 0 > /proc/sys/net/ipv4/ip_forward",
    "file mode": "chmod 644 CONF",
}


@pytest.fixture(params=["meshc", "wg-quick"])
def node(request: pytest.FixtureRequest) -> Iterator[tuple[Namespace, str]]:
    """A machine with /etc/wireguard/wg0.conf up, and that path."""
    require("wireguard-go", "wg-quick", "iptables")
    lines = wgconf.interface(
        "Address = 10.44.0.1/32", "ListenPort = 51820", *forwarding_lines(RELAY)
    )
    text = lines + wgconf.peer(
        "AllowedIPs = 10.44.0.0/24, 10.60.0.0/16", "Endpoint = 192.0.2.7:51820", key=PEER
    )
    with namespaces("host") as (host,):
        host.shell(
            "ip link add eth0 type veth peer name far0; ip link set eth0 up; ip link set far0 up;"
            "ip addr add 192.0.2.1/24 dev eth0;"
            "mkdir -p /etc/wireguard; mount -t tmpfs tmpfs /etc/wireguard"
        )
        conf = "/etc/wireguard/wg0.conf"
        host.run("bash", "-c", f"umask 077; cat > {conf}", input=text)
        if request.param == "meshc":
            host.meshc("up", conf, "--engine", "wireguard-go")
            freeze_agent(host)
        else:
            host.shell(f"WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go wg-quick up {conf}")
        yield host, conf


def test_nothing_was_changed(node: tuple[Namespace, str]) -> None:
    said = node[0].meshc("status", "wg0", "--json", check=False)
    (status,) = json.loads(said.stdout)["interfaces"]
    assert (status["drift"], status["problems"]) == ([], [])


def test_each_change_is_seen(node: tuple[Namespace, str]) -> None:
    """One after the other on one machine: each adds something to what is told."""
    host, conf = node
    seen: set[str] = set()
    missed = []
    for name, command in CHANGES.items():
        host.shell(command.replace("CONF", conf))
        said = host.meshc("status", "wg0", "--json", check=False)
        (status,) = json.loads(said.stdout)["interfaces"]
        now = {*status["drift"], *status["problems"]}
        if not now - seen and name not in ("emptied chain", "a rule before ours"):
            missed.append(name)
        seen = now
        assert said.returncode == 1
    assert missed == []


@pytest.mark.parametrize("name", ["emptied chain", "a rule before ours", "flushed rules"])
def test_each_fault_of_the_firewall_alone_is_seen_and_a_reload_mends_it(
    node: tuple[Namespace, str], name: str, request: pytest.FixtureRequest
) -> None:
    host, conf = node
    host.shell(CHANGES[name])
    said = host.meshc("status", "wg0", check=False)
    assert "MESHC-FWD-wg0" in said.stdout
    if request.node.callspec.params["node"] == "meshc":  # `reload` is of what meshc brought up
        host.meshc("reload", conf)
        rules = host.shell("iptables -S FORWARD; iptables -S MESHC-FWD-wg0").splitlines()
        forward = [rule for rule in rules if rule.startswith("-A FORWARD")]
        assert forward[0] == "-A FORWARD -j MESHC-FWD-wg0"
        assert "-A MESHC-FWD-wg0 -i wg0 -o wg0 -j ACCEPT" in rules

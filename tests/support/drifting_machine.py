"""A machine on which somebody changes things behind meshc's back.

The node is a relay and an exit user at once, so that all there is to change is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from meshc.keys import PrivateKey
from meshc.prefixes import Prefix
from meshc.topology.planner.mesh_plan import Forwarding
from tests.support import wgconf
from tests.support.emitted_hooks import forwarding_lines
from tests.support.frozen_agent import freeze_agent
from tests.support.netns import Namespace, namespaces, require

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


@contextmanager
def drifting_machine(brought_up_by: str, *settings: str) -> Iterator[tuple[Namespace, str]]:
    """A machine with /etc/wireguard/wg0.conf up, by meshc or wg-quick, and that path; `settings`
    are further lines of its interface."""
    require("wireguard-go", "wg-quick", "iptables")
    lines = wgconf.interface(
        *("Address = 10.44.0.1/32", "ListenPort = 51820", *settings), *forwarding_lines(RELAY)
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
        if brought_up_by == "meshc":
            host.meshc("up", conf, "--engine", "wireguard-go")
            freeze_agent(host)
        else:
            host.shell(f"WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go wg-quick up {conf}")
        yield host, conf

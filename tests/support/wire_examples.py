"""The main example with a LAN behind one node, or with an exit."""

from __future__ import annotations

from dataclasses import replace

from meshc.prefixes import Prefix
from tests.support.wire import FORWARD, Wire, main_example

RELAY, LAN = "public-server1", "192.168.1.0/24"
LAN_HOOKS = (
    "iptables -w -A FORWARD -i %i -d 192.168.1.0/24 -j ACCEPT",
    "iptables -w -A FORWARD -o %i -s 192.168.1.0/24 -j ACCEPT",
    "sysctl -w net.ipv4.ip_forward=1",
    "iptables -w -t nat -A POSTROUTING -s 10.44.0.0/24 -d 192.168.1.0/24 ! -o %i -j MASQUERADE",
)

EXIT_OUT = "iptables -w -A MESHC-FWD-%i -s 10.44.0.5/32 -i %i -o eth0 -j ACCEPT"
EXIT_BACK = (
    "iptables -w -A MESHC-FWD-%i -i eth0 -o %i -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
)
SURROUNDINGS = (
    *("10.0.0.0/8", "100.64.0.0/10", "168.63.129.16/32", "169.254.0.0/16"),
    *("172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16"),
)


def lan_example() -> Wire:
    """The main example, with a LAN behind home-server."""
    wire = main_example()
    home = wire.nodes["home-server"]
    lan = Prefix.parse(LAN)
    home.facts = replace(home.facts, lans=(lan,), routes=(lan,))
    home.post_up += LAN_HOOKS
    for at, to in (
        (RELAY, "home-server"),
        ("public-server2", "home-server"),
        ("laptop", RELAY),
        ("phone", RELAY),
    ):
        wire.nodes[at].peers[to].allowed.append(LAN)
    return wire


def exit_example() -> Wire:
    """The main example; phone goes to the internet through the relay, which lets out phone alone
    and not into its own surroundings."""
    wire = main_example()
    wire.nodes[RELAY].facts = replace(wire.nodes[RELAY].facts, exit_node=True)
    wire.nodes[RELAY].post_up = [
        *FORWARD[:2],
        *(f"iptables -w -A MESHC-FWD-%i -i %i -o eth0 -d {near} -j DROP" for near in SURROUNDINGS),
        EXIT_OUT,
        EXIT_BACK,
        *FORWARD[2:],
        "iptables -w -t nat -A POSTROUTING -s 10.44.0.0/24 -o eth0 -j MASQUERADE",
    ]
    wire.nodes["phone"].facts = replace(wire.nodes["phone"].facts, exit=RELAY)
    wire.nodes["phone"].peers[RELAY].allowed += ["0.0.0.0/0", "::/0"]
    return wire

"""Facts about imaginary machines, for decisions without a machine."""

from __future__ import annotations

from meshc.node.fact_set import FactSet
from meshc.node.system.firewall import FirewallFacts
from meshc.node.system_values import LinkFact, PolicyRule, RouteFact
from meshc.prefixes import Prefix

EMPTY_DUMP = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
RULES = tuple(
    PolicyRule(family, priority, table)
    for family, entries in {
        4: ((0, 255), (32766, 254), (32767, 253)),
        6: ((0, 255), (32766, 254)),
    }.items()
    for priority, table in entries
)
ROUTES = (
    RouteFact(Prefix(4, 0, 0), 254, "eth0", gateway="192.0.2.254"),
    RouteFact(Prefix.parse("192.0.2.0/24"), 254, "eth0"),
    RouteFact(Prefix.parse("192.168.1.0/24"), 254, "lan0"),
    RouteFact(Prefix(6, 0, 0), 254, "eth0", 1024, "fe80::1"),
)
SYSCTLS = {
    "net/ipv4/conf/all/src_valid_mark": "0",
    "net/ipv4/ip_forward": "0",
    "net/ipv4/conf/all/forwarding": "0",
    "net/ipv4/conf/default/forwarding": "0",
    "net/ipv4/conf/eth0/forwarding": "0",
    "net/ipv4/conf/lan0/forwarding": "1",
    "net/ipv6/conf/all/forwarding": "0",
    "net/ipv6/conf/eth0/forwarding": "0",
    "net/ipv6/conf/eth0/accept_ra": "1",
}


def machine(**changed: object) -> FactSet:
    """A machine with eth0 to the internet, lan0 to a LAN, iptables and nft, and no wg0."""
    values: dict[str, object] = {
        "interface": "wg0",
        "links": (LinkFact("eth0", 2, "", 1500, True), LinkFact("lan0", 3, "", 1500, True)),
        "routes": ROUTES,
        "rules": RULES,
        "resolved": {"192.0.2.7": "192.0.2.7", "vpn.example": "198.51.100.7"},
        "path_mtu": {"192.0.2.7": 1500, "198.51.100.7": 1492},
        "sysctls": SYSCTLS,
        "firewall": {
            4: FirewallFacts("iptables", EMPTY_DUMP),
            6: FirewallFacts("ip6tables", EMPTY_DUMP),
        },
        "has_nft": True,
        **changed,
    }
    return FactSet(**values)  # type: ignore[arg-type]

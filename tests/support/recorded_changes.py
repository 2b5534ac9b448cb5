"""One change of each kind that the state file holds."""

from __future__ import annotations

from meshc.node.change import Change
from meshc.node.system.address import AddressAdd
from meshc.node.system.agent_process import AgentStart
from meshc.node.system.closed_table import TableClosed
from meshc.node.system.dns import DnsSet
from meshc.node.system.firewall import Chain, FirewallLoad, TableLoad
from meshc.node.system.forwarding_switch import ForwardingOn
from meshc.node.system.interface import LinkAdd
from meshc.node.system.route import RouteAdd, RouteAside
from meshc.node.system.rule import RuleAdd
from meshc.node.system.sysctl import SysctlKept, SysctlSet

CHANGES: tuple[Change, ...] = (
    LinkAdd("wg0", "auto"),
    AddressAdd("wg0", "10.44.0.1/24"),
    RouteAdd("wg0", "0.0.0.0/0", 51820),
    RouteAside("wg0", "192.168.1.0/24", 254, "eth0"),
    RuleAdd(4, 32765, 51820, fwmark=51820, inverted=True),
    SysctlSet("net/ipv4/conf/all/src_valid_mark", "1", "0"),
    SysctlKept("net/ipv4/conf/all/send_redirects", "0", "1"),
    ForwardingOn("wg0", 6),
    FirewallLoad(4, "iptables", (Chain("nat", "MESHC-NAT-wg0", "INPUT", ("-j X",)),), ("nat",)),
    TableLoad(6, "meshc-wg0", "  chain x {\n}\n"),
    DnsSet("wg0", ("10.0.0.1",), ("lan",), "file", "eA==", None, 0o600),
    TableClosed(6, 51820),
    AgentStart("wg0"),
)

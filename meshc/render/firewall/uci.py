"""The uci dialect: a node's firewall rules as settings of OpenWrt's firewall (fw4 and fw3).

OpenWrt's own rules come around ours, and are part of what these say: it accepts what belongs to a
connection that was let through (`FlowState.ANSWER` needs no rule). No `forwarding` section is
written, because that would open a zone as a whole. A connection that the router publishes itself
cannot be told from others by a rule, so there is no counterpart of `Decision.HOST`: what is
published towards the mesh needs a rule of the router's own that comes before ours. Sources are
hidden in the zones `lan` and `wan`, which every OpenWrt has.

Policies are a text for nft that fw4 includes in its own table, so that they come and go with its
rules in one transaction, at boot as well. They stand beside what it includes by itself
(`/etc/nftables.d/*.nft`), because that directory is kept when the system is upgraded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import product

from meshc.render.escape import uci_word
from meshc.render.firewall.nftables import policy_text
from meshc.topology.planner.policy.flow_rules import (
    Decision,
    FamilyRules,
    ForwardRule,
    NatRule,
    Side,
)

ZONE_LENGTH = 11  # of a firewall zone's name in OpenWrt
ANY = "*"
WAN = "wan"
LAN = "lan"
_TARGET = {Decision.ACCEPT: "ACCEPT", Decision.DROP: "DROP"}


def section_name(interface: str) -> str:
    """The interface's name as the name of a uci section."""
    return re.sub("[^A-Za-z0-9_]", "_", interface)


def policy_file(interface: str) -> str:
    """Where the policies stand on the router. Not `*.nft`, which fw4 includes without being told,
    also when the network has no policies any more."""
    return f"/etc/nftables.d/meshc-{section_name(interface)}.policy"


def policy_lines(interface: str, firewall: Iterable[FamilyRules]) -> tuple[str, ...]:
    """Chains for the table `inet fw4`; none without policies. A device is called like its section
    on OpenWrt."""
    section = section_name(interface)
    lines = policy_text(firewall, f"meshc_{section}_")
    return tuple(line.replace("%i", section) for line in lines)


def settings(
    interface: str, listen_port: int | None, firewall: Iterable[FamilyRules]
) -> Iterator[str]:
    """The lines of a `uci batch` that make the zone of the tunnel and its rules."""
    families = tuple(firewall)
    section = section_name(interface)
    zone = section[:ZONE_LENGTH]
    prefix = f"meshc_{section}_"
    yield from _section(f"{prefix}zone", "zone", _zone(zone, families))
    yield f"add_list firewall.{prefix}zone.network={uci_word(section)}"
    if listen_port is not None:
        opened = {
            "name": f"WireGuard {interface}",
            "src": WAN,
            "proto": "udp",
            "dest_port": listen_port,
            "target": "ACCEPT",
        }
        yield from _section(f"{prefix}in", "rule", opened)
    rules = (_rule(rule, one.family, zone) for one in families for rule in one.forward)
    for number, options in enumerate(filter(None, rules), 1):
        yield from _section(f"{prefix}rule{number}", "rule", options)
    nats = (found for one in families for rule in one.nat for found in _nats(rule, one.family))
    for number, options in enumerate(nats, 1):
        yield from _section(f"{prefix}nat{number}", "nat", options)
    if any(one.access is not None for one in families):
        included: dict[str, object] = {"type": "nftables", "path": policy_file(interface)}
        yield from _section(f"{prefix}policy", "include", included)


def _zone(zone: str, families: tuple[FamilyRules, ...]) -> dict[str, object]:
    options: dict[str, object] = {
        "name": zone,
        "input": "ACCEPT",
        "output": "ACCEPT",
        "forward": "REJECT",
    }
    if any(one.clamp_mss for one in families):
        options["mtu_fix"] = 1
    return options


def _rule(rule: ForwardRule, family: int, zone: str) -> dict[str, object]:
    if rule.state is not None:
        return {}
    sides = {None: ANY, Side.TUNNEL: zone, Side.WAN: WAN}
    options: dict[str, object] = {
        "family": f"ipv{family}",
        "proto": "all",  # without it a rule is for TCP and UDP
        "src": sides[rule.way_in],
        "dest": sides[rule.way_out],
    }
    if rule.source is not None:
        options["src_ip"] = rule.source
    if rule.destination is not None:
        options["dest_ip"] = rule.destination
    return {**options, "target": _TARGET[rule.decision]}


def _nats(rule: NatRule, family: int) -> Iterator[dict[str, object]]:
    """`src` of a nat section is the zone that the packet leaves through."""
    ways = (WAN,) if rule.way_out is Side.WAN else (LAN, WAN)
    for (source, destination), way_out in product(rule.pairs(), ways):
        options: dict[str, object] = {"family": f"ipv{family}", "proto": "all", "src": way_out}
        if source is not None:
            options["src_ip"] = source
        if destination is not None:
            options["dest_ip"] = destination
        yield {**options, "target": "MASQUERADE" if rule.masquerade else "ACCEPT"}


def _section(name: str, kind: str, options: dict[str, object]) -> Iterator[str]:
    yield f"set firewall.{name}={kind}"
    for key, value in options.items():
        yield f"set firewall.{name}.{key}={uci_word(value)}"

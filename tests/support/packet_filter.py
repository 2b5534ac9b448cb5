"""What a parsed firewall does with one packet, told as three answers, interface by interface.

The proof tells only the tunnel from the rest. Here LAN, WAN and a third network are different
interfaces, so that rules which open one too many are seen.
"""

from __future__ import annotations

from typing import NamedTuple

from meshc.prefixes import Prefix
from meshc.topology.proof.iptables_rule import Rule
from meshc.topology.proof.netfilter import Firewall

TUNNEL, LAN, WAN, GUEST = "tunnel", "lan", "wan", "guest"
INTERFACES = (TUNNEL, LAN, WAN, GUEST)
ACCEPT, DROP, HOST = "accept", "drop", "left to the host"
_ENDS = {"ACCEPT": ACCEPT, "DROP": DROP, "REJECT": DROP}


class SentPacket(NamedTuple):
    """Addresses as integers. `answer` when it belongs to a connection that was let through."""

    family: int
    source: int
    target: int
    way_in: str
    way_out: str
    answer: bool = False

    def back(self) -> SentPacket:
        """The answer to this packet."""
        return SentPacket(self.family, self.target, self.source, self.way_out, self.way_in, True)


def filtered(firewall: Firewall, packet: SentPacket) -> str:
    """What the FORWARD chain says."""
    rule = _first(firewall, (packet.family, "filter", "FORWARD"), packet)
    return _ENDS[rule.target] if rule is not None else HOST


def masqueraded(firewall: Firewall, packet: SentPacket) -> bool:
    """Whether the source is hidden."""
    rule = _first(firewall, (packet.family, "nat", "POSTROUTING"), packet)
    return rule is not None and rule.target == "MASQUERADE"


def _first(firewall: Firewall, chain: tuple[int, str, str], packet: SentPacket) -> Rule | None:
    for rule in firewall.chains.get(chain, ()):
        if not _matches(rule, packet):
            continue
        if rule.target == "RETURN":
            return None
        inner = (chain[0], chain[1], rule.target)
        found = _first(firewall, inner, packet) if inner in firewall.chains else rule
        if found is not None:
            return found
    return None


def _matches(rule: Rule, packet: SentPacket) -> bool:
    state = "ESTABLISHED" if packet.answer else "NEW"
    return (
        rule.modelled
        and (rule.states is None or state in rule.states)
        and _through(rule.way_in, packet.way_in, "-i" in rule.negated)
        and _through(rule.way_out, packet.way_out, "-o" in rule.negated)
        and _within(rule.source, packet.family, packet.source)
        and _within(rule.destination, packet.family, packet.target)
    )


def _through(pattern: str, way: str, negated: bool) -> bool:
    if not pattern:
        return True
    return (_interface(pattern) == way) != negated


def _interface(pattern: str) -> str:
    """Whose name this is; what the rules do not know must not stand in them."""
    if pattern == "%i":
        return TUNNEL
    if "route show default" in pattern or pattern in ("list WAN", "wan"):
        return WAN
    assert pattern == "lan", pattern
    return LAN


def _within(prefix: Prefix | None, family: int, address: int) -> bool:
    return prefix is None or (prefix.family == family and prefix.value <= address <= prefix.last)

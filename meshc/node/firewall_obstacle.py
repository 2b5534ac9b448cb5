"""An obstacle that a foreign firewall is: whose rule drops what, and what would open it.

Works on the texts of the tools alone, and runs on a node that has no meshc as well: nothing is
imported but what is sent there with it, and Python 3.8 is enough.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from meshc.node.arriving_packet import ArrivingPacket
from meshc.node.iptables_verdict import iptables_drop
from meshc.node.nft_verdict import nft_drops

IPTABLES = {4: ("iptables", "iptables-legacy"), 6: ("ip6tables", "ip6tables-legacy")}
"""By family: the program, and the one of the old tables, which the kernel asks as well."""


class Obstacle(NamedTuple):
    """`what` does not pass, `where` is the chain, `rule` what drops it, `remedy` what opens it."""

    what: str
    where: str
    rule: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what} is dropped by `{self.rule}` in {self.where}; {self.remedy}"


class FirewallTexts(NamedTuple):
    """What the tools show: `saved` gives that of `iptables-save` and its kin, empty where there is
    none, `ruleset` are the objects of `nft -j list ruleset`."""

    saved: Callable[[str], str]
    ruleset: list[dict[str, Any]]


def obstacles_in(
    texts: FirewallTexts,
    port: int | None,
    forwards: Iterable[int],
    interface: str,
    families: Iterable[int],
) -> tuple[Obstacle, ...]:
    """What stands in the way of the UDP port, and of what comes out of the tunnel to be forwarded
    in these families."""
    found: dict[tuple[str, str], Obstacle] = {}
    forwarded = set(forwards)
    for family in sorted(families):
        wanted = []
        if port is not None:
            wanted.append((f"UDP port {port}", ArrivingPacket(family, "input", port)))
        if family in forwarded:
            what = f"what {interface} forwards"
            wanted.append((what, ArrivingPacket(family, "forward", device=interface)))
        for what, packet in wanted:
            for one in _blocking(texts, what, packet, interface):
                found.setdefault((one.what, one.where), one)
    return tuple(found.values())


def _blocking(
    texts: FirewallTexts, what: str, packet: ArrivingPacket, interface: str
) -> Iterator[Obstacle]:
    for program in IPTABLES[packet.family]:
        fault = iptables_drop(texts.saved(program), packet)
        if fault is not None:
            chain, rule = fault
            yield Obstacle(what, f"{chain} of {program}", rule, _remedy(chain, packet, program))
    for table, chain, rule in nft_drops(texts.ruleset, packet):
        where = f"chain {chain} of nft table {table}"
        yield Obstacle(what, where, rule, _nft_remedy(table, chain, packet, interface))


def _remedy(chain: str, packet: ArrivingPacket, program: str) -> str:
    if packet.port is None:
        return f"`{program} -I {chain} -i {packet.device} -j ACCEPT` would let it pass"
    if shutil.which("ufw"):
        return f"`ufw allow {packet.port}/udp` opens it"
    return f"`{program} -I INPUT -p udp --dport {packet.port} -j ACCEPT` opens it"


def _nft_remedy(table: str, chain: str, packet: ArrivingPacket, interface: str) -> str:
    if table.endswith(" firewalld"):
        if packet.port is None:
            return f"`firewall-cmd --zone=trusted --add-interface={interface}` lets it pass"
        return f"`firewall-cmd --add-port={packet.port}/udp` opens it"
    match = f"udp dport {packet.port}" if packet.port is not None else f"iifname {interface}"
    return f"`nft insert rule {table} {chain} {match} accept` would let it pass"

"""Foreign firewalls in the way: whose rule drops what reaches our port, or what we accept.

Looked at and never touched. Three places hold rules, and the kernel asks them all: nftables, and
the two back ends of iptables, one of which is nftables too. What is told is certain: a packet from
anywhere, told by nothing but its port and the interface it comes by, is dropped by that very rule.
A rule whose conditions are beyond this lets it pass when it accepts, and is passed over when it
drops: better to say nothing than to cry wolf.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from meshc.errors import NodeError
from meshc.node.arriving_packet import ArrivingPacket
from meshc.node.iptables_verdict import iptables_drop
from meshc.node.nft_verdict import nft_drops
from meshc.node.nodefile import InterfaceFile
from meshc.node.system import firewall, sysctl
from meshc.node.system.firewall import LEGACY, PROGRAMS


class Obstacle(NamedTuple):
    """`what` does not pass, `where` is the chain, `rule` what drops it, `remedy` what opens it."""

    what: str
    where: str
    rule: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what} is dropped by `{self.rule}` in {self.where}; {self.remedy}"


def in_the_way(file: InterfaceFile) -> tuple[Obstacle, ...]:
    """Of the port that the file says, and of what its rules accept."""
    families = (4,) if sysctl.ipv6_is_off(file.interface) else (4, 6)
    return obstacles(file.conf.listen_port, file.firewall.forwarding, file.interface, families)


def obstacles(
    port: int | None, forwards: Iterable[int], interface: str, families: Iterable[int]
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
            for one in _blocking(what, packet, interface):
                found.setdefault((one.what, one.where), one)
    return tuple(found.values())


def _blocking(what: str, packet: ArrivingPacket, interface: str) -> Iterator[Obstacle]:
    for program in (PROGRAMS[packet.family], LEGACY[packet.family]):
        if shutil.which(f"{program}-save") is None:
            continue
        with contextlib.suppress(NodeError):  # a kernel without the old tables
            fault = iptables_drop(firewall.save(program), packet)
            if fault is not None:
                chain, rule = fault
                yield Obstacle(what, f"{chain} of {program}", rule, _remedy(chain, packet, program))
    for table, chain, rule in nft_drops(_nft_ruleset(), packet):
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


def _nft_ruleset() -> list[dict[str, Any]]:
    if shutil.which("nft") is None:
        return []
    done = subprocess.run(
        ["nft", "-j", "list", "ruleset"], capture_output=True, text=True, check=False
    )
    with contextlib.suppress(ValueError, KeyError, TypeError):
        found = json.loads(done.stdout)["nftables"]
        return [one for one in found if isinstance(one, dict)]
    return []

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
from collections.abc import Iterable
from typing import Any

from meshc.errors import NodeError
from meshc.node.firewall_obstacle import FirewallTexts, Obstacle, obstacles_in
from meshc.node.nodefile import InterfaceFile
from meshc.node.system import firewall, sysctl


def in_the_way(file: InterfaceFile) -> tuple[Obstacle, ...]:
    """Of the port that the file says, and of what its rules accept."""
    families = (4,) if sysctl.ipv6_is_off(file.interface) else (4, 6)
    return obstacles(file.conf.listen_port, file.firewall.forwarding, file.interface, families)


def obstacles(
    port: int | None, forwards: Iterable[int], interface: str, families: Iterable[int]
) -> tuple[Obstacle, ...]:
    """What stands in the way of the UDP port, and of what comes out of the tunnel to be forwarded
    in these families."""
    texts = FirewallTexts(_saved, _nft_ruleset())
    return obstacles_in(texts, port, forwards, interface, families)


def _saved(program: str) -> str:
    if shutil.which(f"{program}-save"):
        with contextlib.suppress(NodeError):  # a kernel without the old tables
            return firewall.save(program)
    return ""


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

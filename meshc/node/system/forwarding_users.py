"""Who else on a machine forwards packets: known by their interfaces and their firewall rules.

The kernel has one switch for everybody and keeps no list of who needs it. Docker, for one, reads
it when it starts, and is content when it is on already. So it is left on where anybody is seen
who would go dark; the emitted PostDown line looks at the same things.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from meshc.errors import NodeError
from meshc.node.system import firewall
from meshc.node.system_values import LinkFact

BRIDGES = re.compile(r"(?:docker|br-|virbr|lxcbr|lxdbr|incusbr|podman|cni|vmbr).*")
"""Of Docker, libvirt, LXC, LXD, Incus, Podman, Kubernetes and Proxmox."""
FORWARDS = re.compile(
    r"-A FORWARD (?!.*ESTABLISHED).*-j ACCEPT|-j (?:MASQUERADE|SNAT|DNAT|NETMAP)\b"
)
"""A rule that is there because packets pass; answers alone are let through by any firewall."""
_NFT = re.compile(r"^\s*(?!.*\bct state\b).*\b(?:masquerade|snat|dnat)\b", re.MULTILINE)
_TUNNELS = ("wireguard", "tun")


def forwarding_users(
    links: Iterable[LinkFact], family: int, interface: str, run_directory: Path
) -> tuple[str, ...]:
    """What to call each of them; empty when nobody is known. Interfaces that meshc brought up do
    not count, because those that need forwarding are counted elsewhere, nor do rules that name
    `interface`, which is going."""
    ours = {path.stem for path in run_directory.glob("*.json")}
    found = []
    for link in links:
        if BRIDGES.fullmatch(link.name):
            found.append(f"the bridge {link.name}")
        elif link.kind in _TUNNELS and link.name not in ours | {interface}:
            found.append(f"the tunnel {link.name}")
    for program in (firewall.PROGRAMS[family], firewall.LEGACY[family]):
        found += [f"the rule `{rule}` of {program}" for rule in _rules(program, interface)]
    return (*found, *_nft_rules(family))


def _rules(program: str, interface: str) -> list[str]:
    if shutil.which(f"{program}-save") is None:
        return []
    try:
        dump = firewall.save(program)
    except NodeError:
        # a kernel without the old tables: nobody has rules there
        return []
    own = re.compile(rf"MESHC-|-[io] {re.escape(interface)} ")
    return [line for line in dump.splitlines() if FORWARDS.search(line) and not own.search(line)]


def _nft_rules(family: int) -> list[str]:
    """Tables of iptables show up here as well, and were looked at; `ip` ones are left out."""
    word = {4: "ip", 6: "ip6"}[family]
    found = []
    for table in sorted(firewall.nft_tables()):
        _, kind, name = table.split(maxsplit=2)
        if name.startswith("meshc-"):
            continue  # of an interface that is counted elsewhere, or is going
        if kind == "inet" or (kind == word and name not in ("filter", "nat", "mangle", "raw")):
            text = firewall.nft_table(table)
            found += [f"the rule `{m.group().strip()}` of nft {table}" for m in _NFT.finditer(text)]
    return found

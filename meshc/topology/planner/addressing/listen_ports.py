"""The UDP port on which each node listens, and distinct ones behind one NAT.

The resolver has found the port that the file gives, in whichever way. A node with only a LAN
endpoint needs a fixed port too; when the file gives none, meshc picks one that no other node of
the site uses, and the lock keeps it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain

from meshc.diagnostics import Diagnostics
from meshc.topology.language.spec import NodeSpec, Spec
from meshc.topology.planner.addressing.lock_text import Lock

LAST_PORT = 65535
FIRST_PORT = 1024


def allocate_ports(
    spec: Spec, lock: Lock, diagnostics: Diagnostics
) -> tuple[dict[str, int | None], dict[str, int]]:
    """The port of every node, and those that meshc chose (for the lock), sorted by name."""
    ports = {name: node.listen_port for name, node in spec.nodes.items()}
    used: dict[str, set[int]] = defaultdict(set)
    for name, port in ports.items():
        site = spec.nodes[name].site
        if site is not None and port is not None:
            used[site].add(port)
    # ports are never given back, so that each site goes through its candidates once
    free = {site: _free_ports(spec.network.listen_port, used[site]) for site in _sites(spec)}
    chosen: dict[str, int] = {}
    needy = [name for name, node in sorted(spec.nodes.items()) if _needs_port(node)]
    for name in sorted(needy, key=lambda n: (_locked(lock, n) is None, n)):
        site = spec.nodes[name].site or ""
        locked = _locked(lock, name)
        keep = locked is not None and locked not in used[site]
        port = locked if keep else next(free[site], None)
        if port is None:
            node = spec.nodes[name]
            diagnostics.add(
                "E306",
                f"no UDP port is left for {name} at site {site}",
                node.at("lan_endpoint"),
                path=f"nodes.{name}.lan_endpoint",
                hint="split the site, or give some of its nodes no `lan_endpoint`.",
            )
            continue
        ports[name] = chosen[name] = port
        used[site].add(port)
    return dict(sorted(ports.items())), dict(sorted(chosen.items()))


def _needs_port(node: NodeSpec) -> bool:
    return node.listen_port is None and node.lan_endpoint is not None


def _locked(lock: Lock, name: str) -> int | None:
    entry = lock.nodes.get(name)
    return entry.port if entry else None


def _sites(spec: Spec) -> set[str]:
    """Of the nodes that need a port; empty for those that name none."""
    return {node.site or "" for node in spec.nodes.values() if _needs_port(node)}


def _free_ports(first: int, used: set[int]) -> Iterator[int]:
    candidates = chain(range(first, LAST_PORT + 1), range(FIRST_PORT, first))
    return (port for port in candidates if port not in used)

"""Name servers: who asks which, and whether a question gets there.

A server inside the network must be somebody's address, or lie in a LAN that somebody routes, and
each node that asks it must get a packet to it. A public one is the internet's business; a private
one that lies nowhere in the topology is nobody's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from meshc.diagnostics import Diagnostics, Location
from meshc.prefixes import Prefix
from meshc.topology.language.spec import Platform
from meshc.topology.proof.peer_table import Ints, MeshPeerTable
from meshc.topology.proof.trace_batch import ARRIVED, IN_LAN, DataPlane, PacketBatch, trace_batch

# RFC 1918, RFC 6598, RFC 4193
_PRIVATE = tuple(
    map(
        Prefix.parse,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
    )
)
_APPS = frozenset({Platform.IOS, Platform.ANDROID})


class Unanswered(NamedTuple):
    """A server that these nodes (numbers) ask in vain, and why."""

    server: Prefix
    nodes: list[int]
    code: str
    why: str
    hint: str


def check_name_servers(
    table: MeshPeerTable, planes: Mapping[int, DataPlane], found: Diagnostics
) -> None:
    """W427 and W430, told once for each server and reason."""
    for server, nodes in sorted(_users(table).items()):
        for fault in _faults(table, planes.get(server.family), server, nodes):
            name = table.names[fault.nodes[0]]
            many = f" and {len(fault.nodes) - 1:,} more" if len(fault.nodes) > 1 else ""
            found.add(
                fault.code,
                f"{name}{many}: the DNS server {server.address} {fault.why}",
                Location(table.files[fault.nodes[0]], 1, 1),
                path=f"nodes.{name}.dns",
                hint=fault.hint,
            )


def _users(table: MeshPeerTable) -> dict[Prefix, list[int]]:
    users: dict[Prefix, list[int]] = {}
    for n, model in enumerate(table.models):
        for text in model.conf.dns if model.conf is not None else ():
            users.setdefault(Prefix.host(text), []).append(n)
    return users


def _faults(
    table: MeshPeerTable, plane: DataPlane | None, server: Prefix, nodes: list[int]
) -> Iterator[Unanswered]:
    if plane is None:
        swallowed = [
            n
            for n in nodes
            if table.models[n].facts.exit is not None and not _beside(table, n, server)
        ]
        if swallowed:
            why = f"is lost in the tunnel: the network has no IPv{server.family}"
            hint = "name a server of a family that the network has"
            yield Unanswered(server, swallowed, "W430", why, hint)
        return
    fib = plane.fib
    atom = fib.atom(server.value)
    owner, behind = int(fib.owner[atom]), int(fib.behind[atom])
    if owner >= 0 and table.models[owner].facts.platform in _APPS:
        others = [n for n in nodes if n != owner]
        platform = table.models[owner].facts.platform.value
        if others:
            why = f"is {table.names[owner]}, and a node on {platform} serves no names"
            yield Unanswered(server, others, "W427", why, "name a node that runs a DNS server")
    elif owner >= 0 or behind >= 0:
        yield from _unreached(table, plane, server, nodes)
    elif plane.pools[atom]:
        hint = "name the address of a node, or a server outside of the network"
        yield Unanswered(server, nodes, "W427", "is an address that no node has", hint)
    elif any(private.contains(server) for private in _PRIVATE):
        strangers = [
            n
            for n in nodes
            if not any(p.contains(server) for p in table.models[n].facts.lans)
            and not _beside(table, n, server)
        ]
        if strangers:
            why = "is a private address that no node has or routes"
            hint = "list its network under `routes` of the node in front of it, or name another"
            yield Unanswered(server, strangers, "W427", why, hint)


def _beside(table: MeshPeerTable, node: int, server: Prefix) -> bool:
    """Whether a node leaves this address to the place where it is: who answers is its business."""
    return any(p.contains(server) for p in table.models[node].facts.exit_duty.beside)


def _unreached(
    table: MeshPeerTable, plane: DataPlane, server: Prefix, nodes: list[int]
) -> Iterator[Unanswered]:
    """Nodes whose packets for the server do not end at the node that has it, or in its LAN."""
    fib = plane.fib
    atom = fib.atom(server.value)
    asking = np.array([n for n in nodes if fib.home[n] >= 0], np.int32)
    target: Ints = np.full_like(asking, atom)
    traces = trace_batch(plane, PacketBatch(asking, fib.home[asking], target, exact=True))
    there = (traces.result == ARRIVED) | (traces.result == IN_LAN)
    homeless = [n for n in nodes if fib.home[n] < 0]
    lost = sorted([*asking[~there].tolist(), *homeless])
    if lost:
        hint = "see what loses the packet with `meshc explain`, or name a server in its reach"
        yield Unanswered(server, lost, "W430", "is out of its reach", hint)

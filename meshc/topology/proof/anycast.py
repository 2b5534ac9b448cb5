"""Anycast by mistake: routes that make Linux take a node's IPv6 address for an anycast address.

The first address of a subnet is the anycast address of its routers (RFC 4291 section 2.6.1), and
Linux takes every route shorter than /127 for a subnet. To such an address it sends no ICMPv6 error
(RFC 4443 section 2.4 (e)), "packet too big" included.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np

from meshc.diagnostics import Diagnostics, Location
from meshc.prefixes import Prefix
from meshc.topology.proof.node_model import NodeModel
from meshc.topology.proof.peer_table import MeshPeerTable

_HOST, _POINT_TO_POINT = 128, 127


def check_anycast(table: MeshPeerTable, found: Diagnostics) -> None:
    """One finding for each address, with the nodes that treat it so."""
    where: dict[tuple[int, Prefix], list[tuple[int, int]]] = defaultdict(list)
    for n, row, owner, prefix in _mistaken(table):
        where[owner, prefix].append((n, row))
    for (owner, prefix), places in sorted(where.items()):
        n, row = places[0]
        more = f" and {len(places) - 1} more" if len(places) > 1 else ""
        name = table.names[owner]
        address = Prefix(6, prefix.value, _HOST)
        found.add(
            "W428",
            f"{table.names[n]}{more}: the route {prefix} begins at the address of {name}, which "
            "Linux therefore takes for an anycast address: it sends no ICMPv6 error there",
            Location(table.files[n], int(table.line[row]), 1),
            path=f"nodes.{table.names[n]}",
            hint=f"add {address} to the AllowedIPs of the peer that has {prefix}",
        )


def _mistaken(table: MeshPeerTable) -> Iterator[tuple[int, int, int, Prefix]]:
    """(node, its section, owner of the address, the route), the longest route of each address."""
    risky, exact = _subnets_and_hosts(table)
    if not risky:
        return
    rows = np.flatnonzero(np.isin(table.allowed, list(risky)))
    at: dict[int, list[int]] = defaultdict(list)
    for row, n in zip(rows.tolist(), table.frm[rows].tolist(), strict=True):
        at[n].append(row)
    for n, own_rows in at.items():
        model = table.models[n]
        if not model.installs_routes:
            continue
        sets = set(table.allowed[table.start[n] : table.start[n + 1]].tolist())
        longest: dict[int, tuple[int, int, Prefix]] = {}
        for row in own_rows:
            for owner, prefix in risky[int(table.allowed[row])]:
                known = longest.get(prefix.value)
                if owner != n and (known is None or known[2].length < prefix.length):
                    longest[prefix.value] = (row, owner, prefix)
        for value, (row, owner, prefix) in longest.items():
            if sets.isdisjoint(exact[value]) and not _routed_alone(model, value):
                yield n, row, owner, prefix


def _subnets_and_hosts(
    table: MeshPeerTable,
) -> tuple[dict[int, list[tuple[int, Prefix]]], dict[int, set[int]]]:
    """By number of a set of AllowedIPs: the subnets that begin at an address, with its owner; and
    by address: the sets that hold it as an entry of its own."""
    owners = {
        address.value: n
        for n, model in enumerate(table.models)
        for address in model.own
        if address.family == 6
    }
    risky: dict[int, list[tuple[int, Prefix]]] = {}
    exact: dict[int, set[int]] = defaultdict(set)
    subnets = {p.value for p in table.entries.prefixes if _begins(p, owners)}
    # most entries are hosts at whose address nothing else begins
    chosen = table.entries.chosen(lambda p: p.family == 6 and p.value in subnets)
    for number, prefixes in chosen.sets().items():
        for prefix in prefixes:
            if prefix.length >= _POINT_TO_POINT:
                exact[prefix.value].add(number)
            else:
                risky.setdefault(number, []).append((owners[prefix.value], prefix))
    return risky, exact


def _begins(prefix: Prefix, owners: Mapping[int, int]) -> bool:
    """Whether a subnet begins at a node's address."""
    return prefix.family == 6 and prefix.length < _POINT_TO_POINT and prefix.value in owners


def _routed_alone(model: NodeModel, value: int) -> bool:
    """Whether a hook of the file makes a route to this very address."""
    return any(
        route.family == 6 and route.value == value and route.length >= _POINT_TO_POINT
        for route in model.other_routes
    )

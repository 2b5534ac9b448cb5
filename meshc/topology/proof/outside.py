"""Findings about what lies outside of the nodes: LANs, the internet, nobody's addresses, MTU."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from meshc.diagnostics import Diagnostics
from meshc.prefixes import Prefix
from meshc.topology.proof.expectation import Expectation
from meshc.topology.proof.losses import CODES_OF, place, story
from meshc.topology.proof.matrix import Matrix
from meshc.topology.proof.peer_table import Columns
from meshc.topology.proof.strays import Stray, exit_strays, lan_strays, leaks, rings
from meshc.topology.proof.traces import Sky
from meshc.topology.proof.walk import Packet, Trace, World, walk

_MOST = 20


def check_outside(
    columns: Columns,
    skies: Mapping[int, Sky],
    matrices: Mapping[int, Matrix],
    world: World,
    expectation: Expectation,
    found: Diagnostics,
) -> None:
    """LANs, exits, circles and MTU in every family."""
    for family, sky in skies.items():
        groups = matrices[family].groups
        _strays(sky, world, columns, [*lan_strays(sky, groups), *exit_strays(sky, groups)], found)
        for ring, address in rings(sky, expectation.pools):
            relays = all(columns.stations[n].facts.relay for n in ring)
            found.add(
                "E411" if relays else "W426",
                f"an address that nobody has ({address}) goes round: "
                + " → ".join(columns.names[n] for n in ring),
                place(columns, columns.names[ring[0]], columns.names[ring[1]]),
                hint="only one of two nodes may have the other as its catch-all",
            )
        _slopes(columns, matrices[family], found)
    _leaks(columns, skies, found)
    _dns(columns, skies, found)


def _strays(
    sky: Sky, world: World, columns: Columns, strays: list[Stray], found: Diagnostics
) -> None:
    faults: dict[tuple[str, ...], tuple[Trace, Stray, int]] = {}
    for stray in strays:
        trace = _trace(sky, world, columns, stray)
        where = columns.names[stray.node]
        cause = trace.drop.cause if trace.drop else ("astray", *trace.path[-1:], where)
        old = faults.get((*cause, stray.what, str(stray.answer)))
        count = (old[2] if old else 0) + stray.pairs
        faults[(*cause, stray.what, str(stray.answer))] = (old[0] if old else trace, stray, count)
    for trace, stray, count in list(faults.values())[:_MOST]:
        where = columns.names[stray.node]
        what = f"{stray.what} behind {where}"
        many = f" ({count:,} nodes)" if count > 1 else ""
        drop = trace.drop
        ends = drop.text if drop else f"it leaves the tunnel at {trace.path[-1]} instead"
        way = f"{what} → {trace.target}" if stray.answer else f"{trace.origin} → {what}"
        code, hint = CODES_OF[drop.reason] if drop else ("E412", "send it to the right router")
        if drop is None and stray.what == "the internet":
            code, hint = "E414", "traffic for the internet must leave through the exit alone"
        found.add(
            code,
            f"{way}: {ends}{many}",
            place(columns, drop.at, drop.other) if drop else None,
            path=f"nodes.{trace.origin}",
            hint=hint,
            trace=story(trace),
        )


def _trace(sky: Sky, world: World, columns: Columns, stray: Stray) -> Trace:
    family, home = sky.tables.family, sky.tables.home
    source = sky.tables.first(int(home[stray.source]))
    name, there = columns.names[stray.source], columns.names[stray.node]
    if stray.answer:
        return walk(world, there, Packet(family, stray.address, source, True), target=name)
    return walk(world, name, Packet(family, source, stray.address), target=stray.what)


def _slopes(columns: Columns, matrix: Matrix, found: Diagnostics) -> None:
    for (source, relay), (mtu, target) in sorted(matrix.steep.items())[:_MOST]:
        names = columns.names
        conf = columns.stations[relay].conf
        found.add(
            "W416",
            f"{names[source]} sends packets of {mtu} bytes to {names[target]}, but {names[relay]} "
            f"on the way passes only {conf.mtu if conf else 0}",
            place(columns, names[source]),
            path=f"nodes.{names[source]}.mtu",
            hint="lower its MTU, or `mtu: auto` everywhere",
        )


def _leaks(columns: Columns, skies: Mapping[int, Sky], found: Diagnostics) -> None:
    """An exit user's whole address space goes into the tunnel, in both families."""
    for n, station in enumerate(columns.stations):
        if station.facts.exit is None or station.conf is None:
            continue
        for family in (4, 6):
            open_ = leaks(skies[family], n) if family in skies else _uncovered(columns, n, family)
            if not open_:
                continue
            found.add(
                "E414",
                f"{station.name} uses the exit {station.facts.exit}, but IPv{family} to "
                f"{open_[0].address} leaves outside of the tunnel",
                place(columns, station.name, station.facts.exit),
                path=f"nodes.{station.name}.exit",
                hint=f"{'0.0.0.0/0' if family == 4 else '::/0'} must go to the exit as well",
            )


def _uncovered(columns: Columns, node: int, family: int) -> list[Prefix]:
    """For a family in which nobody has an address: is there a default route into the tunnel?"""
    rows = np.arange(int(columns.start[node]), int(columns.start[node + 1]))
    for row in rows.tolist():
        for prefix in columns.allowed_sets[int(columns.allowed[row])]:
            if prefix.family == family and prefix.length == 0:
                return []
    return [Prefix(family, 0, 0)]


def _dns(columns: Columns, skies: Mapping[int, Sky], found: Diagnostics) -> None:
    """Nodes whose DNS server is an address of the pools that nobody has, told once per server."""
    users: dict[str, list[int]] = {}
    for n, station in enumerate(columns.stations):
        for server in station.conf.dns if station.conf is not None else ():
            users.setdefault(server, []).append(n)
    for server, nodes in sorted(users.items()):
        address = Prefix.host(server)
        sky = skies.get(address.family)
        if sky is None:
            continue
        atom = sky.tables.atom(address.value)
        if not sky.pools[atom] or sky.tables.owner[atom] >= 0 or sky.tables.behind[atom] >= 0:
            continue
        name = columns.names[nodes[0]]
        others = f" and {len(nodes) - 1:,} more" if len(nodes) > 1 else ""
        found.add(
            "W427",
            f"{name}{others}: the DNS server {server} is an address that no node has",
            place(columns, name),
            path=f"nodes.{name}.dns",
            hint="name the address of a node, or a server outside of the network",
        )

"""Findings about default routes: those that cannot come up, and those that nobody asked for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from meshc.diagnostics import Diagnostics, Location
from meshc.prefixes import Prefix, address_text, parse_address
from meshc.topology.proof.expectation import literal_family
from meshc.topology.proof.fib import Fib
from meshc.topology.proof.longest_match import longest
from meshc.topology.proof.loss_findings import place
from meshc.topology.proof.peer_table import MeshPeerTable
from meshc.topology.proof.policy_routing import RouteKind
from meshc.topology.proof.policy_rule import MAIN, RouteQuery
from meshc.topology.proof.public_space import public_atoms
from meshc.topology.proof.trace_batch import DataPlane

_MOST = 20
_SYSTEM_TABLES = {253: "default", 254: "main", 255: "local"}


def check_default_routes(
    table: MeshPeerTable,
    planes: Mapping[int, DataPlane],
    exits: Mapping[str, str],
    found: Diagnostics,
) -> None:
    """E441 for what cannot come up as it is meant, E442 for what nobody asked for."""
    # many sections share few sets of AllowedIPs, and hardly any has a default route
    wide = table.entries.chosen(lambda prefix: not prefix.length).sets()
    defaults = {number: prefixes[0] for number, prefixes in wide.items()}
    for n, model in enumerate(table.models):
        if model.conf is not None and model.script is None:
            part = table.allowed[int(table.start[n]) : int(table.start[n + 1])].tolist()
            found_at = next((k for k in part if k in defaults), None) if defaults else None
            default = None if found_at is None else defaults[found_at]
            _cannot_come_up(table, n, default, found)
    for plane in planes.values():
        _unasked(table, plane, exits, found)


def _cannot_come_up(
    table: MeshPeerTable, node: int, default: Prefix | None, found: Diagnostics
) -> None:
    model, conf = table.models[node], table.models[node].conf
    assert conf is not None, "the caller asks about nodes with files"
    if default is None and model.facts.exit is None:
        return
    routing, text, key = model.routing, "", "table"
    if default is None:
        # the parts of what goes to an exit, behind rules of the user's own
        if routing.allowed not in (MAIN, "off") and (swallowed := _swallowed(table, node)):
            text = (
                f"`Table = {conf.table}`: WireGuard's own packets to {swallowed} follow the rule "
                "into the tunnel"
            )
    elif routing.allowed == MAIN and conf.table not in (None, "auto"):
        text = f"`Table = {conf.table}` puts {default} beside the host's own default route"
    elif routing.allowed == MAIN and conf.fwmark in _SYSTEM_TABLES:
        name, key = _SYSTEM_TABLES[conf.fwmark or 0], "fwmark"
        text = f"`FwMark = {conf.fwmark}` makes wg-quick put {default} into the table `{name}`"
    elif routing.allowed in ("local", "default"):
        text = f"`Table = {conf.table}` puts {default} into a table of the system"
    elif routing.allowed not in (MAIN, "off") and (swallowed := _swallowed(table, node)):
        text = (
            f"`Table = {conf.table}`: WireGuard's own packets to {swallowed} follow the rule "
            "into the tunnel"
        )
    if text:
        found.add(
            "E441",
            f"{model.name}: {text}",
            Location(table.files[node], 1, 1),
            path=f"nodes.{model.name}.{key}",
            hint=f"leave `{key}` out: wg-quick then keeps WireGuard's packets apart by itself",
        )


def _swallowed(table: MeshPeerTable, node: int) -> str:
    """The first endpoint whose packets, marked as WireGuard marks them, go into the tunnel."""
    model, allowed = table.models[node], _allowed(table, node)
    conf = model.conf
    mark = conf.fwmark or 0 if conf is not None else 0
    rows = range(int(table.start[node]), int(table.start[node + 1]))
    for row in rows:
        number = int(table.endpoint[row])
        host = table.endpoints[number].host if number >= 0 else ""
        family = literal_family(host) if host else None
        # a name may be anywhere: it is asked for as an address that no rule names
        address = parse_address(host if family else "192.0.2.1")
        if number < 0:
            continue
        query = RouteQuery(address.version, 0, int(address), mark=mark)
        kind, _ = model.routing.way(query, allowed, model.connected, model.facts.lans)
        if kind is RouteKind.TUNNEL:
            return host
    return ""


def _allowed(table: MeshPeerTable, node: int) -> tuple[Prefix, ...]:
    part = table.allowed[int(table.start[node]) : int(table.start[node + 1])]
    return tuple(dict.fromkeys(p for k in part.tolist() for p in table.allowed_sets[k]))


def _unasked(
    table: MeshPeerTable, plane: DataPlane, exits: Mapping[str, str], found: Diagnostics
) -> None:
    """Nodes without an exit that send what lies outside of the network into the tunnel."""
    fib = plane.fib
    foreign = public_atoms(fib) & ~plane.pools & (fib.owner < 0) & (fib.behind < 0)
    if not foreign.any():
        return
    rows = np.flatnonzero((fib.route[:, foreign] >= 0).any(axis=1))
    guilty = [
        n
        for n in np.flatnonzero(np.isin(fib.row_of, rows)).tolist()
        if table.names[n] not in exits and table.models[n].conf is not None
    ]
    atoms = np.flatnonzero(foreign)
    for n in guilty[:_MOST]:
        row = fib.route[fib.row_of[n], atoms]
        atom = int(atoms[np.flatnonzero(row >= 0)[0]])
        peer = table.names[int(fib.route[fib.row_of[n], atom])]
        name = table.names[n]
        found.add(
            "E442",
            f"{name} sends {_entry(table, n, fib, atom)} to {peer}: "
            "nobody asked for the internet there",
            place(table, name, peer),
            path=f"nodes.{name}",
            hint=f"`exit: {peer}` at {name} asks for it; else build again",
        )
    if len(guilty) > _MOST:
        found.add("E442", f"{len(guilty) - _MOST:,} more nodes do the same")


def _entry(table: MeshPeerTable, node: int, fib: Fib, atom: int) -> str:
    """What of the file sends the atom into the tunnel; the address itself when it is a hook."""
    address = fib.first(atom)
    entry = longest(_allowed(table, node), fib.family, address)
    return str(entry) if entry is not None else address_text(fib.family, address)

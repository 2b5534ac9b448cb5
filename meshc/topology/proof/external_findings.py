"""Findings about external traffic: LANs, the internet, nobody's addresses, MTU."""

from __future__ import annotations

from collections.abc import Mapping

from meshc.diagnostics import Diagnostics
from meshc.prefixes import BITS, Prefix, without
from meshc.topology.obligations.own_lan import OwnLan
from meshc.topology.proof.dns_reach import check_name_servers
from meshc.topology.proof.expectation import Expectation
from meshc.topology.proof.external_traffic import (
    ExternalLoss,
    exit_losses,
    lan_losses,
    leaks,
    rings,
    swallowed_exceptions,
)
from meshc.topology.proof.loss_findings import asleep_by_choice, how_to_tell, place, story
from meshc.topology.proof.network_model import NetworkModel
from meshc.topology.proof.peer_table import MeshPeerTable
from meshc.topology.proof.policy_routing import RouteKind
from meshc.topology.proof.reachability_matrix import ReachabilityMatrix
from meshc.topology.proof.trace_batch import DataPlane
from meshc.topology.proof.walk import Packet, Trace, walk

_MOST = 20


def check_external(
    table: MeshPeerTable,
    planes: Mapping[int, DataPlane],
    matrices: Mapping[int, ReachabilityMatrix],
    network: NetworkModel,
    expectation: Expectation,
    found: Diagnostics,
) -> None:
    """LANs, exits, circles and MTU in every family."""
    for family, plane in planes.items():
        classes = matrices[family].classes
        _losses(
            plane,
            network,
            table,
            [
                *lan_losses(plane, classes, expectation.obligations),
                *exit_losses(plane, classes, expectation.obligations),
            ],
            expectation,
            found,
        )
        for ring, address in rings(plane, expectation.pools):
            relays = all(table.models[n].facts.relay for n in ring)
            found.add(
                "E411" if relays else "W426",
                f"an address that nobody has ({address}) goes round: "
                + " → ".join(table.names[n] for n in ring),
                place(table, table.names[ring[0]], table.names[ring[1]]),
                path=f"nodes.{table.names[ring[0]]}",
                hint="only one of two nodes may have the other as its catch-all",
            )
        _path_mtu(table, matrices[family], found)
    _leaks(table, planes, found)
    check_name_servers(table, planes, found)


def _losses(
    plane: DataPlane,
    network: NetworkModel,
    table: MeshPeerTable,
    losses: list[ExternalLoss],
    expectation: Expectation,
    found: Diagnostics,
) -> None:
    faults: dict[tuple[str, ...], tuple[Trace, ExternalLoss, int]] = {}
    for loss in losses:
        trace = _trace(plane, network, table, loss)
        where = table.names[loss.node]
        cause = trace.drop.cause if trace.drop else ("astray", *trace.path[-1:], where)
        old = faults.get((*cause, loss.what, str(loss.answer)))
        count = (old[2] if old else 0) + loss.pairs
        faults[(*cause, loss.what, str(loss.answer))] = (old[0] if old else trace, loss, count)
    for trace, loss, count in list(faults.values())[:_MOST]:
        where = table.names[loss.node]
        what = f"{loss.what} behind {where}"
        many = f" ({count:,} nodes)" if count > 1 else ""
        drop = trace.drop
        astray = f"it leaves the tunnel at {trace.path[-1]} instead"
        code, hint, ends = (
            how_to_tell(drop) if drop else ("E412", "send it to the right router", astray)
        )
        way = f"{what} → {trace.target}" if loss.answer else f"{trace.origin} → {what}"
        path = f"nodes.{trace.origin}"
        if drop and asleep_by_choice(drop, expectation):
            code, path = "W408", f"nodes.{drop.other}.keepalive"
        waived = _own_lan(plane.fib.family, network, expectation, trace)
        if waived is not None:
            code, hint = waived.code, f"renumber the LAN {waived.lan} of site {waived.site}"
        elif drop is None and loss.what == "the internet":
            code, hint = "E414", "traffic for the internet must leave through the exit alone"
        found.add(
            code,
            f"{way}: {ends}{many}",
            place(table, drop.at, drop.other) if drop else None,
            path=path,
            hint=hint,
            trace=story(trace),
        )


def _own_lan(
    family: int,
    network: NetworkModel,
    expectation: Expectation,
    trace: Trace,
) -> OwnLan | None:
    """The warning that says that the packet ends in a LAN that its last node is connected to."""
    end = trace.path[-1]
    address = Prefix(family, trace.packet.target, BITS[family])
    way, _ = network.model(end).route(family, address.value)
    if way is not RouteKind.LAN:
        return None
    return expectation.obligations.waived_at(end, address)


def _trace(
    plane: DataPlane, network: NetworkModel, table: MeshPeerTable, loss: ExternalLoss
) -> Trace:
    family, home = plane.fib.family, plane.fib.home
    source = plane.fib.first(int(home[loss.source]))
    name, there = table.names[loss.source], table.names[loss.node]
    if loss.answer:
        return walk(network, there, Packet(family, loss.address, source, True), target=name)
    return walk(network, name, Packet(family, source, loss.address), target=loss.what)


def _path_mtu(table: MeshPeerTable, matrix: ReachabilityMatrix, found: Diagnostics) -> None:
    for (source, relay), (mtu, target) in sorted(matrix.path_mtu.items())[:_MOST]:
        names = table.names
        conf = table.models[relay].conf
        found.add(
            "W416",
            f"{names[source]} sends packets of {mtu} bytes to {names[target]}, but {names[relay]} "
            f"on the way passes only {conf.mtu if conf else 0}",
            place(table, names[source]),
            path=f"nodes.{names[source]}.mtu",
            hint="lower its MTU, or `mtu: auto` everywhere",
        )


def _leaks(table: MeshPeerTable, planes: Mapping[int, DataPlane], found: Diagnostics) -> None:
    """An exit user's whole address space goes into the tunnel, in both families, but for what is
    to stay beside it, and that does."""
    for n, model in enumerate(table.models):
        if model.facts.exit is None or model.conf is None:
            continue
        for family in (4, 6):
            plane = planes.get(family)
            open_ = leaks(plane, n) if plane else _uncovered(table, n, family)
            hold = model.ipv6_hold if family == 6 else None
            if open_ and (hold is None or hold.fault):
                whole = "0.0.0.0/0" if family == 4 else "::/0"
                beside = any(p.family == family for p in model.facts.exit_duty.beside)
                found.add(
                    "E414",
                    f"{model.name} uses the exit {model.facts.exit}, but IPv{family} to "
                    f"{open_[0].address} leaves outside of the tunnel"
                    + (f": what is to hold it back does not, {hold.fault}" if hold else ""),
                    place(table, model.name, model.facts.exit),
                    path=f"nodes.{model.name}.exit",
                    hint=f"all of {whole} but `exit_except` must go to the exit"
                    if beside
                    else f"{whole} must go to the exit as well",
                )
            inside = swallowed_exceptions(plane, n) if plane else _covered(table, n, family)
            if inside:
                found.add(
                    "E444",
                    f"{model.name} keeps {inside[0].address} out of the tunnel by `exit_except`, "
                    "but its file sends it in",
                    place(table, model.name, model.facts.exit),
                    path=f"nodes.{model.name}.exit_except",
                    hint="no AllowedIPs of the file may hold it; build again",
                )


def _uncovered(table: MeshPeerTable, node: int, family: int) -> tuple[Prefix, ...]:
    """For a family in which nobody has an address: what is routed past the tunnel?"""
    facts = table.models[node].facts
    must, may = facts.exit_duty.parts(family)
    lans = (lan for lan in facts.lans if lan.family == family)
    beside = (*must, *may, *lans) if must else ()
    return without((Prefix(family, 0, 0),), (*_tunnelled(table, node, family), *beside))


def _covered(table: MeshPeerTable, node: int, family: int) -> list[Prefix]:
    """In such a family: what is to stay beside the tunnel, and is routed into it?"""
    must, _ = table.models[node].facts.exit_duty.parts(family)
    routes = _tunnelled(table, node, family) if must else ()
    return [prefix for prefix in must if any(prefix.overlaps(route) for route in routes)]


def _tunnelled(table: MeshPeerTable, node: int, family: int) -> tuple[Prefix, ...]:
    """The routes into the tunnel of a family that has no FIB."""
    model = table.models[node]
    if model.script is not None and not model.installs_routes:
        return tuple(prefix for prefix in model.other_routes if prefix.family == family)
    numbers = table.allowed[int(table.start[node]) : int(table.start[node + 1])]
    sets = (table.allowed_sets[number] for number in numbers.tolist())
    return tuple(prefix for found in sets for prefix in found if prefix.family == family)

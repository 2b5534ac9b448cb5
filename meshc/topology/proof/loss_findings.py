"""Findings about lost pairs: one per fault, not one per pair."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from meshc.diagnostics import Diagnostics, Location
from meshc.topology.language.spec import Expect
from meshc.topology.proof.drop import Drop, LossReason
from meshc.topology.proof.expectation import Expectation
from meshc.topology.proof.network_model import NetworkModel
from meshc.topology.proof.peer_table import MeshPeerTable
from meshc.topology.proof.reachability_matrix import LostPairs, ReachabilityMatrix
from meshc.topology.proof.session_rules import keeps_mapping
from meshc.topology.proof.walk import Hop, Trace, walk_pair
from meshc.values import dataclass

# Beyond these many faults, more of them help nobody.
_MOST = 50

_NO_WAY = "list the address at the node that drops it, or at a relay that both ends use"
CODES_OF: dict[LossReason, tuple[str, str]] = {
    LossReason.NO_ROUTE: ("E412", _NO_WAY),
    LossReason.NO_PEER: ("E412", _NO_WAY),
    LossReason.OWN_LAN: ("E412", "the LAN and the pool overlap: renumber one of them"),
    LossReason.UNKNOWN_KEY: ("E403", "build again, or put the node's real public key there"),
    LossReason.OWN_KEY: ("E403", "build again: a node cannot be its own peer"),
    LossReason.NOT_LISTED: ("E404", "a link must stand in both files; bring both nodes up to date"),
    LossReason.PRESHARED_KEY: ("E405", "both ends of a link need the same PresharedKey"),
    LossReason.NO_ENDPOINT: (
        "E406",
        "one side needs an Endpoint at which the other is reached, with its ListenPort",
    ),
    LossReason.ASLEEP: ("E407", "the side behind the NAT needs PersistentKeepalive = 25"),
    LossReason.SOURCE_OF_PEER: (
        "E400",
        "AllowedIPs filter sources as well: both ends of every hop must agree on the path",
    ),
    LossReason.SOURCE_OF_NOBODY: (
        "E400",
        "AllowedIPs filter sources as well: the receiver must list it for the sending peer",
    ),
    LossReason.NO_FORWARDING: ("E409", "a relay needs forwarding switched on for this family"),
    LossReason.NOT_A_RELAY: ("E409", "only a relay carries packets of others: `role: relay`"),
    LossReason.NO_RULE: ("E409", "a relay needs a FORWARD rule that accepts these packets"),
    LossReason.RULE: ("E409", "a rule that accepts these packets must come before it"),
    LossReason.NO_MASQUERADE: ("E410", "add a MASQUERADE rule, or a route back on the other side"),
    LossReason.LOOP: ("E411", "one of these nodes must have a next hop outside of the circle"),
    LossReason.UNJUDGED: (
        "W443",
        "`meshc lab` measures what happens; nothing is claimed about packets that pass there",
    ),
    LossReason.NO_ADDRESS: ("E400", "give the node an address"),
}


@dataclass(slots=True)
class Fault:
    """All pairs that one drop takes with it."""

    trace: Trace
    drop: Drop
    pairs: int


def check_losses(
    table: MeshPeerTable,
    matrices: Mapping[int, ReachabilityMatrix],
    network: NetworkModel,
    expectation: Expectation,
    found: Diagnostics,
) -> frozenset[tuple[str, ...]]:
    """A finding for each fault, the costliest first to be told of; returns their causes. Pairs
    that a test declares unreachable are no loss."""
    wanted = _declared(expectation, table)
    faults: dict[tuple[str, ...], Fault] = {}
    for matrix in matrices.values():
        losses = sorted(matrix.losses.values(), key=lambda loss: -loss.pairs)
        pairs: dict[tuple[str, ...], int] = {}
        for loss in losses[: 4 * _MOST]:
            names = table.names[loss.source], table.names[loss.target]
            if loss.pairs <= _declared_pairs(matrix, loss, wanted):
                continue
            trace = walk_pair(network, *names, matrix.family)
            drop = trace.drop
            if drop is None:
                # it arrives, but not where it should: two nodes have this address (E415)
                continue
            faults.setdefault(drop.cause, Fault(trace, drop, 0))
            pairs[drop.cause] = pairs.get(drop.cause, 0) + loss.pairs
        # one fault usually hits both families: it is told once, with the larger number
        for cause, count in pairs.items():
            faults[cause].pairs = max(faults[cause].pairs, count)
        rest = sum(loss.pairs for loss in losses) - sum(pairs.values())
        if len(losses) > 4 * _MOST and rest > 0:
            found.add("E400", f"{rest:,} more IPv{matrix.family} pairs are lost in other ways")
    shown = sorted(faults.values(), key=lambda fault: -fault.pairs)[:_MOST]
    for fault in shown:
        _tell(fault, table, expectation, found)
    hidden = [fault for fault in faults.values() if fault not in shown]
    if hidden:
        judged = any(fault.drop.reason is not LossReason.UNJUDGED for fault in hidden)
        found.add("E400" if judged else "W443", f"{len(hidden):,} more faults lose packets")
    return frozenset(fault.drop.cause for fault in shown)


def _tell(fault: Fault, table: MeshPeerTable, expectation: Expectation, found: Diagnostics) -> None:
    drop = fault.drop
    code, hint = CODES_OF[drop.reason]
    if drop.reason is LossReason.ASLEEP:
        kept = expectation.nodes[drop.other].keepalive
        if not keeps_mapping(kept):
            code = "W408"
            hint = f"`keepalive: {kept}` asks for this; it then speaks first or not at all"
    fate = "not claimed for this" if drop.reason is LossReason.UNJUDGED else "lost this way"
    many = f" ({fault.pairs:,} pairs are {fate})" if fault.pairs > 1 else ""
    found.add(
        code,
        fault.trace.text + many,
        place(table, drop.at, drop.other),
        hint=hint,
        trace=story(fault.trace),
    )


def story(trace: Trace) -> tuple[str, ...]:
    """The packet's life, a line per node."""
    lines = [_line(hop) for hop in trace.hops]
    return (*lines, trace.drop.text if trace.drop is not None else "delivered")


def _line(hop: Hop) -> str:
    parts = []
    if hop.accepted is not None:
        parts.append(f"accepts the source ({hop.accepted})")
    if hop.rule:
        parts.append(f"forwards it (`{hop.rule}`)")
    if hop.peer:
        by = f" ({hop.match})" if hop.match is not None else ""
        parts.append(f"sends it to {hop.peer}{by}")
    return f"{hop.node}: {', '.join(parts) or 'has the packet'}"


def place(table: MeshPeerTable, at: str, other: str = "") -> Location | None:
    """The section for `other` in the file of `at`, else the top of that file."""
    n = table.names.index(at)
    if not table.files[n]:
        return None
    line = 1
    if other in table.names:
        start, end = int(table.start[n]), int(table.start[n + 1])
        rows = np.flatnonzero(table.to[start:end] == table.names.index(other))
        if len(rows):
            line = int(table.line[start + rows[0]])
    return Location(table.files[n], line, 1)


def _declared(expectation: Expectation, table: MeshPeerTable) -> list[tuple[set[int], set[int]]]:
    """(sources, targets) of the tests that expect nothing to arrive."""
    number = {name: n for n, name in enumerate(table.names)}
    return [
        (
            {number[name] for name in test.sources if name in number},
            {number[name] for name in test.targets if name in number},
        )
        for test in expectation.tests
        if test.expect is Expect.UNREACHABLE
    ]


def _declared_pairs(
    matrix: ReachabilityMatrix, loss: LostPairs, wanted: list[tuple[set[int], set[int]]]
) -> int:
    """How many pairs like this one are declared lost; 0 when this one itself is not."""
    if not any(loss.source in sources and loss.target in targets for sources, targets in wanted):
        return 0
    of = matrix.classes.of
    count = 0
    for sources, targets in wanted:
        a = {n for n in sources if of[n] == of[loss.source]}
        b = {n for n in targets if of[n] == of[loss.target]}
        count += len(a) * len(b) - len(a & b)
    return count

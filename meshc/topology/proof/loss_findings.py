"""Findings about lost pairs: one per fault, not one per pair."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from meshc.diagnostics import Diagnostics, Location
from meshc.prefixes import BITS, Prefix
from meshc.topology.proof.drop import Drop, LossReason
from meshc.topology.proof.expectation import Expectation
from meshc.topology.proof.network_model import NetworkModel
from meshc.topology.proof.peer_table import MeshPeerTable
from meshc.topology.proof.reachability_matrix import LostPairs, ReachabilityMatrix
from meshc.topology.proof.rule_words import rule_words
from meshc.topology.proof.trace_batch import ENDS
from meshc.topology.proof.walk import Hop, Trace, walk, walk_pair
from meshc.values import dataclass

# Beyond these many faults, more of them help nobody.
_MOST = 50
_ASLEEP = ENDS.index(LossReason.ASLEEP)

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
    LossReason.NO_UPLINK: (
        "E412",
        "use another exit, or say `underlay: [ipv4, ipv6]` there if it has both",
    ),
    LossReason.NO_ADDRESS: ("E400", "give the node an address"),
}


# A rule of a hook that drops a whole protocol, and has no condition that the proof cannot judge.
_WHOLE_PROTOCOL = re.compile(
    r"(?:[A-Z]+ )?(?:!? ?-[iosd] \S+ )*-p (?P<protocol>[a-z0-9-]+) (?:!? ?-[iosd] \S+ )*"
    r"-j (?:DROP|REJECT)(?: --reject-with \S+)?"
)


def how_to_tell(drop: Drop) -> tuple[str, str, str]:
    """Code, hint and text for a packet that is lost. Of what is owed every protocol must arrive."""
    whole = _WHOLE_PROTOCOL.fullmatch(drop.detail)
    if drop.reason is not LossReason.UNJUDGED or whole is None:
        return (*CODES_OF[drop.reason], rule_words(drop.text))
    hint = "declare it with `expect: unreachable` in `tests:`, or narrow the rule to a port"
    return "E409", hint, f"{drop.at} drops all of {whole['protocol']}: its rule `{drop.detail}`"


@dataclass(slots=True)
class Fault:
    """All pairs that one drop takes with it. `waived` is the warning that asks for it: who is
    asleep by choice, or has a LAN of its own in the way."""

    trace: Trace
    drop: Drop
    pairs: int
    waived: str = ""


def check_losses(
    table: MeshPeerTable,
    matrices: Mapping[int, ReachabilityMatrix],
    network: NetworkModel,
    expectation: Expectation,
    found: Diagnostics,
) -> frozenset[tuple[str, ...]]:
    """A finding for each fault, the costliest first to be told of; returns their causes."""
    faults: dict[tuple[str, ...], Fault] = {}
    told: set[tuple[str, ...]] = set()
    for matrix in matrices.values():
        losses = sorted(matrix.losses.values(), key=lambda loss: -loss.pairs)
        chosen = [loss for loss in losses if _by_choice(loss, table, expectation)]
        others = [loss for loss in losses if not _by_choice(loss, table, expectation)]
        pairs: dict[tuple[str, ...], int] = {}
        for loss in (*others[: 4 * _MOST], *chosen):
            fault = _fault(loss, matrix.family, table, network, expectation)
            if fault is None:
                # it arrives, but not where it should: two nodes have this address (E415)
                continue
            told.add(fault.drop.cause)
            cause = (fault.waived, fault.drop.other) if loss in chosen else fault.drop.cause
            faults.setdefault(cause, fault)
            pairs[cause] = pairs.get(cause, 0) + loss.pairs
        # one fault usually hits both families: it is told once, with the larger number
        for cause, count in pairs.items():
            faults[cause].pairs = max(faults[cause].pairs, count)
        rest = sum(loss.pairs for loss in others[4 * _MOST :])
        if rest:
            found.add("E400", f"{rest:,} more IPv{matrix.family} pairs are lost in other ways")
    for waived in (False, True):
        some = [fault for fault in faults.values() if bool(fault.waived) is waived]
        shown = sorted(some, key=lambda fault: -fault.pairs)[:_MOST]
        for fault in shown:
            _tell(fault, table, expectation, found)
        if len(some) > len(shown):
            what = "more nodes are asked for the same" if waived else "more faults lose packets"
            hidden = [fault for fault in some if fault not in shown]
            judged = any(how_to_tell(fault.drop)[0] != "W443" for fault in hidden)
            code = "W408" if waived else "E400" if judged else "W443"
            found.add(code, f"{len(hidden):,} {what}")
    return frozenset(told)


def _by_choice(loss: LostPairs, table: MeshPeerTable, expectation: Expectation) -> bool:
    """Whether the node that is asleep was told to keep nothing alive."""
    if loss.code != _ASLEEP:
        return False
    sleeper, other = table.names[loss.other], table.names[loss.at]
    return expectation.obligations.silence.chosen(sleeper, other) is not None


def asleep_by_choice(drop: Drop, expectation: Expectation) -> bool:
    """Whether a packet is lost because a node need not keep its session alive."""
    silence = expectation.obligations.silence
    return drop.reason is LossReason.ASLEEP and silence.chosen(drop.other, drop.at) is not None


def _fault(
    loss: LostPairs,
    family: int,
    table: MeshPeerTable,
    network: NetworkModel,
    expectation: Expectation,
) -> Fault | None:
    trace = walk_pair(network, table.names[loss.source], table.names[loss.target], family)
    if trace.drop is not None and trace.drop.reason is LossReason.ASLEEP and loss.code != _ASLEEP:
        # what is lost is the answer to a packet of the one that is asleep
        answer = trace.packet._replace(established=True)
        trace = walk(network, trace.origin, answer, target=trace.target)
    drop = trace.drop
    if drop is None:
        return None
    waived = ""
    if _by_choice(loss, table, expectation):
        waived = "W408"
        if drop.reason is not LossReason.ASLEEP:
            # a first packet meets something else, an answer does not: it is owed no more
            drop = Drop(LossReason.ASLEEP, table.names[loss.at], table.names[loss.other])
            trace = replace(trace, drop=drop)
    elif drop.reason is LossReason.OWN_LAN:
        address = Prefix(family, trace.packet.target, BITS[family])
        lan = expectation.obligations.waived_at(drop.at, address)
        waived = lan.code if lan is not None else ""
    return Fault(trace, drop, 0, waived)


def _tell(fault: Fault, table: MeshPeerTable, expectation: Expectation, found: Diagnostics) -> None:
    drop = fault.drop
    code, hint, text = how_to_tell(drop)
    path = f"nodes.{drop.at}"
    if fault.waived == "W408":
        path = f"nodes.{drop.other}.keepalive"
        kept = expectation.obligations.silence.chosen(drop.other, drop.at)
        hint = f"`keepalive: {kept or 'off'}` asks for this; it then speaks first or not at all"
    rules = table.models[table.names.index(drop.at)].routing.rules
    if drop.reason is LossReason.NO_ROUTE and rules:
        hint = (
            f"its rule `{rules[0].text}` is not for this packet, or cannot be judged: before the "
            "route is known a packet has no source; `to PREFIX lookup N` holds for all"
        )
    fate = "not claimed for this" if code == "W443" else "lost this way"
    many = f" ({fault.pairs:,} pairs are {fate})" if fault.pairs > 1 else ""
    found.add(
        fault.waived or code,
        f"{fault.trace.origin} → {fault.trace.target}: {text}{many}",
        place(table, drop.at, drop.other),
        path=path,
        hint=hint,
        trace=story(fault.trace),
    )


def story(trace: Trace) -> tuple[str, ...]:
    """The packet's life, a line per node."""
    lines = [_line(hop) for hop in trace.hops]
    return (*lines, rule_words(trace.drop.text) if trace.drop is not None else "delivered")


def _line(hop: Hop) -> str:
    parts = []
    if hop.accepted is not None:
        parts.append(f"accepts the source ({hop.accepted})")
    if hop.rule:
        parts.append(f"forwards it (`{rule_words(hop.rule)}`)")
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

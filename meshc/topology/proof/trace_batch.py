"""Traces of a batch of packets, step by step: `walk.py` in arrays.

All packets of a batch take their n-th hop together. What may differ between two packets at the
same node is looked up by number: next node, session fault, accepted source, firewall verdict.
"""

from __future__ import annotations

import numpy as np

from meshc.topology.proof.drop import LossReason
from meshc.topology.proof.fib import DEEPEST, LAN, NO_PEER, UPLINK, Fib, reached, routed_by
from meshc.topology.proof.iptables_rule import OUTSIDE, TUNNEL, Flow
from meshc.topology.proof.node_model import NodeModel
from meshc.topology.proof.peer_table import NOBODY, Bools, Ints, Longs
from meshc.topology.proof.policy_rule import RouteQuery
from meshc.topology.proof.session_rules import session_fault
from meshc.topology.proof.session_table import ASLEEP, FAULTS, SessionTable
from meshc.values import dataclass, field

# A result below ARRIVED is an index into ENDS; from ARRIVED on it says where the packet got to.
ENDS: tuple[LossReason, ...] = (
    *(fault for fault in FAULTS if fault is not None),
    LossReason.NO_ROUTE,
    LossReason.NO_PEER,
    LossReason.OWN_LAN,
    LossReason.UNKNOWN_KEY,
    LossReason.SOURCE_OF_PEER,
    LossReason.SOURCE_OF_NOBODY,
    LossReason.NO_FORWARDING,
    LossReason.NOT_A_RELAY,
    LossReason.NO_RULE,
    LossReason.RULE,
    LossReason.NO_MASQUERADE,
    LossReason.UNJUDGED,
    LossReason.NO_UPLINK,
    LossReason.LOOP,
)
_END = {reason: code for code, reason in enumerate(ENDS)}
ARRIVED, IN_LAN, OUT = 100, 101, 102
UNJUDGED = _END[LossReason.UNJUDGED]
_FORWARDED = -1


@dataclass(slots=True)
class PacketBatch:
    """Packets: where each starts, and the atoms of its source and target. `exact` looks the
    exceptions of the FIB up; without it a packet stands for a pair that has none."""

    origin: Ints
    source: Ints
    target: Ints
    established: bool = False
    exact: bool = False


@dataclass(slots=True)
class Traces:
    """Per packet: `result` (ENDS, ARRIVED, IN_LAN, OUT), the node `at` which it ended, `other`
    (the peer that a fault involves, or -1) and how many `hops` it took. `relays` are (packet,
    node) pairs: who forwarded what. `woken` is the first session of a node that is asleep that an
    answer has used, as sleeper * nodes + other, or -1."""

    result: Ints
    at: Ints
    other: Ints
    hops: Ints
    relays: tuple[Longs, Ints]
    woken: Longs


@dataclass(slots=True)
class DataPlane:
    """What forwards the packets of one family: FIB, sessions and nodes."""

    fib: Fib
    sessions: SessionTable
    models: tuple[NodeModel, ...]
    pools: Bools
    made: Bools = field(init=False)
    exits: Bools = field(init=False)
    speaks: Bools = field(init=False)
    masquerade: Bools = field(init=False)
    guarded: Bools = field(init=False)
    policy: Bools = field(init=False)

    def __post_init__(self) -> None:
        self.made = np.array([s.conf is None for s in self.models], bool)
        self.exits = np.array([s.facts.exit_node for s in self.models], bool)
        family = self.fib.family
        self.speaks = np.array([family in s.facts.underlay for s in self.models], bool)
        self.masquerade = np.array([s.facts.masquerade for s in self.models], bool)
        self.guarded = np.array(
            [bool(s.effects.unjudged) or (s.has_rules and s.firewall.guards) for s in self.models],
            bool,
        )
        self.policy = np.isin(np.arange(len(self.models)), list(self.fib.policy))


def trace_batch(plane: DataPlane, batch: PacketBatch) -> Traces:
    """Follows every packet to its end."""
    return _BatchWalk(plane, batch).run()


def carries_on(plane: DataPlane, node: int, source: int, target: int) -> bool:
    """Whether a node forwards from the tunnel into it, by the atoms of a packet's ends."""
    nothing = np.zeros(0, np.int32)
    walk = _BatchWalk(plane, PacketBatch(nothing, nothing, nothing))
    return walk.verdict(node, source, target, (TUNNEL, TUNNEL, "")) == _FORWARDED


class _BatchWalk:
    def __init__(self, plane: DataPlane, batch: PacketBatch) -> None:
        self.plane, self.batch = plane, batch
        count = len(batch.origin)
        self.result = np.full(count, _FORWARDED, np.int32)
        self.at = batch.origin.copy()
        self.other = np.full(count, -1, np.int32)
        self.hops = np.zeros(count, np.int32)
        self.woken = np.full(count, -1, np.int64)
        self.relay_packets: list[Longs] = []
        self.relay_nodes: list[Ints] = []

    def run(self) -> Traces:
        fib, batch = self.plane.fib, self.batch
        live = np.arange(len(batch.origin))
        # a packet whose source is not its origin's own comes from a network beside it
        outside = ~reached(fib, batch.origin, batch.source)
        for step in range(DEEPEST):
            if not len(live):
                break
            live, there = self.route(live, step, outside)
            live, there = self.send(live, there)
            self.at[live] = there
            self.hops[live] += 1
        assert not len(live), "a path without repetition is shorter than that"
        empty = np.zeros(0, np.int64)
        return Traces(
            self.result,
            self.at,
            self.other,
            self.hops,
            (
                np.concatenate(self.relay_packets) if self.relay_packets else empty,
                np.concatenate(self.relay_nodes) if self.relay_nodes else empty.astype(np.int32),
            ),
            self.woken,
        )

    def end(self, packets: Longs, code: int, other: Ints | None = None) -> None:
        self.result[packets] = code
        if other is not None:
            self.other[packets] = other

    def route(self, live: Longs, step: int, outside: Bools) -> tuple[Longs, Ints]:
        """Ends what arrives, leaves or has no way on; gives the rest its next node."""
        fib, batch = self.plane.fib, self.batch
        live = self.guard(live, step, outside, "enter")
        here, target = self.at[live], batch.target[live]
        home = reached(fib, here, target)
        self.end(live[home], ARRIVED)
        self.guard(live[home], step, outside, "arrive")
        there = fib.next_hop(here, target) if batch.exact else fib.route[fib.row_of[here], target]
        self.by_policy(live, there, step, outside)
        there[home] = UPLINK
        for way, code in ((LAN, IN_LAN), (UPLINK, OUT)):
            leaving = (there == way) & ~home
            if leaving.any():
                self.leave(live[leaving], code, step, outside)
        going = (there != UPLINK) & (there != LAN)
        live, there = live[going], there[going]
        passing = np.ones(len(live), bool) if step else outside[live]
        if passing.any():
            way_in = TUNNEL if step else OUTSIDE
            ok = np.ones(len(live), bool)
            ok[passing] = self.forward(live[passing], way_in, TUNNEL)
            if step:
                self.relay_packets.append(live[ok])
                self.relay_nodes.append(self.at[live[ok]])
            live, there = live[ok], there[ok]
        sent = self.guard(live, step, outside, "send")
        there = there[np.isin(live, sent)]
        live = sent
        for code, reason in ((NO_PEER, LossReason.NO_PEER), (NOBODY, LossReason.UNKNOWN_KEY)):
            self.end(live[there == code], _END[reason])
        going = there >= 0
        return live[going], there[going]

    def guard(self, packets: Longs, step: int, outside: Bools, point: str) -> Longs:
        """Lets nodes that do more than forward look at their packets; returns what is left."""
        risky = self.plane.guarded[self.at[packets]]
        if not risky.any():
            return packets
        ok = np.ones(len(packets), bool)
        inside = np.ones(len(packets), bool) if step else outside[packets]
        way = TUNNEL if step else OUTSIDE
        ways = {"enter": (way, "", "entering"), "arrive": (way, "", "")}.get(point)
        if ways is not None:
            those = risky & inside
            ok[those] = self.verdicts(packets[those], ways)
        if point != "arrive":
            those = risky & ~inside
            last = "entering" if point == "enter" else ""
            ok[those] = self.verdicts(packets[those], ("", TUNNEL, last))
        return packets[ok]

    def by_policy(self, live: Longs, there: Ints, step: int, outside: Bools) -> None:
        """Nodes with rules or tables of their own are asked for every kind of packet."""
        fib, batch = self.plane.fib, self.batch
        own = np.flatnonzero(self.plane.policy[self.at[live]])
        answers: dict[tuple[int, int, int, str], int] = {}
        for i in own.tolist():
            packet = live[i]
            node, source, target = (
                int(self.at[packet]), int(batch.source[packet]), int(batch.target[packet]),
            )  # fmt: skip
            way_in = TUNNEL if step else OUTSIDE if outside[packet] else ""
            key = node, int(fib.rules[source]), target, way_in
            if key not in answers:
                bound = batch.established and not way_in
                query = RouteQuery(fib.family, fib.first(source), fib.first(target), way_in, bound)
                peer = int(fib.peer[fib.row_of[node], target])
                answers[key] = routed_by(self.plane.models[node], query, fib.policy[node], peer)
            there[i] = answers[key]

    def send(self, live: Longs, there: Ints) -> tuple[Longs, Ints]:
        """The session to the next node, its source filter, and whether it was there before."""
        fib, batch = self.plane.fib, self.batch
        here = self.at[live]
        fault = self.faults(here, there)
        # an answer finds the session that the first packet has used
        woken = (fault == ASLEEP) & batch.established
        first = woken & (self.woken[live] < 0)
        links = there[first].astype(np.int64) * len(self.plane.models) + here[first]
        self.woken[live[first]] = links
        bad = (fault > 0) & ~woken
        self.end(live[bad], 0)
        self.result[live[bad]] = fault[bad] - 1
        self.other[live[bad]] = there[bad]
        live, there, here = live[~bad], there[~bad], here[~bad]
        if batch.exact:
            believed = fib.believed(there, batch.source[live])
        else:
            believed = fib.peer[fib.row_of[there], batch.source[live]]
        mirrors = self.plane.made[there]
        bad = (believed != here) & ~mirrors
        nobody = believed == NO_PEER
        # whoever is no node of the network is nobody's number
        self.end(live[bad], _END[LossReason.SOURCE_OF_PEER], np.maximum(believed[bad], -1))
        self.end(live[bad & nobody], _END[LossReason.SOURCE_OF_NOBODY])
        self.at[live[bad]] = there[bad]
        live, there = live[~bad], there[~bad]
        # the source filter lets a packet come back to nobody but the node that made it
        again = there == batch.origin[live]
        self.end(live[again], _END[LossReason.LOOP])
        self.at[live[again]] = there[again]
        return live[~again], there[~again]

    def faults(self, here: Ints, there: Ints) -> Ints:
        """An index into FAULTS for each pair. A node without a file sends to its exit also when
        that does not list it: such a pair is in no table, and is judged by itself."""
        sessions, models = self.plane.sessions, self.plane.models
        place = sessions.find(here, there)
        known = place >= 0
        fault = np.zeros(len(here), np.int32)
        fault[known] = sessions.fault[place[known]]
        for i in np.flatnonzero(~known).tolist():
            fault[i] = FAULTS.index(session_fault(models[here[i]], models[there[i]]))
        return fault

    def leave(self, packets: Longs, code: int, step: int, outside: Bools) -> None:
        """Out of the tunnel into a LAN, or to the internet through an exit."""
        fib, batch = self.plane.fib, self.batch
        here, target = self.at[packets], batch.target[packets]
        if code == OUT:
            exits = self.plane.exits[here]
            inside = np.ones(len(packets), bool) if step else outside[packets]
            lost = ~exits | ~inside | self.plane.pools[target]
            self.end(packets[lost], _END[LossReason.NO_ROUTE])
            silent = ~lost & ~self.plane.speaks[here]
            self.end(packets[silent], _END[LossReason.NO_UPLINK])
            lost |= silent
        else:
            lost = fib.owner[target] >= 0
            self.end(packets[lost], _END[LossReason.OWN_LAN])
        packets = packets[~lost]
        if step:
            packets = packets[self.forward(packets, TUNNEL, OUTSIDE)]
            lans = self.plane.masquerade[self.at[packets]]
            if not self.batch.established:
                needs = lans if code == IN_LAN else np.ones(len(packets), bool)
                packets = packets[self.masqueraded(packets, needs)]
        self.end(packets, code)

    def forward(self, packets: Longs, way_in: str, way_out: str) -> Bools:
        """Asks each node's firewall once for every kind of packet that comes by."""
        return self.verdicts(packets, (way_in, way_out, ""))

    def verdicts(self, packets: Longs, ways: tuple[str, str, str]) -> Bools:
        verdict = self.judged(packets, *ways)
        bad: Bools = verdict != _FORWARDED
        self.result[packets[bad]] = verdict[bad]
        return ~bad

    def masqueraded(self, packets: Longs, needs: Bools) -> Bools:
        verdict = self.judged(packets, "", OUTSIDE, "nat")
        bad: Bools = (verdict != _FORWARDED) & needs
        self.end(packets[bad], _END[LossReason.NO_MASQUERADE])
        return ~bad

    def judged(self, packets: Longs, way_in: str, way_out: str, table: str) -> Ints:
        """A verdict per packet, by (node, class of source, class of target)."""
        fib, batch = self.plane.fib, self.batch
        if not len(packets):
            return np.zeros(0, np.int32)
        classes = int(fib.rules.max(initial=0)) + 1
        source, target = batch.source[packets], batch.target[packets]
        kind = self.at[packets].astype(np.int64) * classes + fib.rules[source]
        kind = kind * classes + fib.rules[target]
        _, first, inverse = np.unique(kind, return_index=True, return_inverse=True)
        verdicts = [
            self.verdict(
                int(self.at[packets[i]]), int(source[i]), int(target[i]), (way_in, way_out, table)
            )
            for i in first
        ]
        result: Ints = np.array(verdicts, np.int32)[inverse.reshape(-1)]
        return result

    def verdict(self, node: int, source: int, target: int, ways: tuple[str, str, str]) -> int:
        """What `_Walk.enter`, `pass_on` and `leave` say for one packet; `table` is `nat` for
        the masquerade, `entering` for what comes before the routes."""
        model, fib = self.plane.models[node], self.plane.fib
        facts, (way_in, way_out, table) = model.facts, ways
        family = fib.family
        if table == "entering" and model.effects.unjudged:
            return _END[LossReason.UNJUDGED]
        forwards = bool(way_in and way_out)
        if not model.has_rules:
            helps = facts.relay if way_in == way_out else bool(facts.routes) or facts.exit_node
            judged = not forwards or table or helps
            return _FORWARDED if judged else _END[LossReason.NOT_A_RELAY]
        first, last = fib.first(source), fib.first(target)
        flow = Flow(family, first, last, way_in, way_out, self.batch.established)
        if table == "nat":
            return _FORWARDED if model.firewall.masquerades(flow) else 0
        if forwards and family not in model.firewall.families:
            return _END[LossReason.NO_FORWARDING]
        firewall = model.firewall
        reason, _ = firewall.entering(flow) if table else firewall.passing(flow)
        return _FORWARDED if reason is None else _END[reason]

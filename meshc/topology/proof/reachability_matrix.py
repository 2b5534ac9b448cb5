"""The reachability matrix: every ordered pair of nodes in one address family.

One packet is traced for each ordered pair of equivalence classes, in batches, and speaks for all
pairs of their members, save those that are exceptions in the FIB: these are traced themselves.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from meshc.topology.obligations.silence import Silence
from meshc.topology.proof.drop import LossReason
from meshc.topology.proof.equivalence_classes import EquivalenceClasses
from meshc.topology.proof.peer_table import Bools, Ints, Longs
from meshc.topology.proof.separation_table import SeparationTable
from meshc.topology.proof.trace_batch import (
    ARRIVED,
    ENDS,
    DataPlane,
    PacketBatch,
    Traces,
    trace_batch,
)
from meshc.topology.proof.unique_values import unique_values
from meshc.topology.proof.verdict import PairCounts
from meshc.values import dataclass, field

_BATCH = 1 << 20
NOT_JUDGED = -2
_UNJUDGED = ENDS.index(LossReason.UNJUDGED)
_ASLEEP = ENDS.index(LossReason.ASLEEP)


@dataclass(slots=True)
class LostPairs:
    """Packets that are lost in one way: how many pairs, and one of them.

    `code` is an index into `trace_batch.ENDS`; `other` is -1 when nobody else is involved.
    """

    code: int
    at: int
    other: int
    pairs: int
    source: int
    target: int


@dataclass(slots=True)
class RelayUsage:
    """What one relay carries: ordered pairs through it, those that no other relay could carry
    (over the sessions that stand in the files), and some examples of each."""

    pairs: int = 0
    stranded: int = 0
    examples: list[tuple[int, int]] = field(default_factory=list)
    stranded_examples: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class ReachabilityMatrix:
    """`hops[a, b]` is the number of hops from class a to class b, 0 when the packet is lost and
    for a class of one to itself, -1 between two nodes without a file (nothing is known),
    and NOT_JUDGED for a packet that meets what the proof cannot follow.
    `path_mtu` are (source, relay) nodes where a relay's MTU is below the source's. `losses` are of
    pairs that nobody declared apart; `apart` counts those that are, and do not meet, or of which
    the first may begin nothing (answers are carried), `unjudged` those of which nothing is claimed.
    """

    family: int
    classes: EquivalenceClasses
    hops: NDArray[np.int8]
    losses: dict[tuple[int, int, int], LostPairs]
    usage: dict[int, RelayUsage]
    path_mtu: dict[tuple[int, int], tuple[int, int]]
    special: Longs
    special_hops: NDArray[np.int8]
    separation: SeparationTable
    counts: tuple[int, int, int] = (0, 0, 0)
    apart: int = 0
    unjudged: int = 0

    @property
    def pair_counts(self) -> PairCounts:
        return PairCounts(*self.counts, self.apart, self.unjudged)

    def hops_of(self, source: int, target: int) -> int:
        """Hops between two nodes; 0 when lost, -1 when one has no address in this family or
        neither has a file, NOT_JUDGED when nothing is claimed."""
        a, b = int(self.classes.of[source]), int(self.classes.of[target])
        if a < 0 or b < 0:
            return -1
        at = self.find_special(source, target)
        return int(self.hops[a, b]) if at is None else int(self.special_hops[at])

    def hops_between(self, sources: Ints, targets: Ints) -> NDArray[np.int8]:
        """`hops_of` for every source (row) and target (column), which all have addresses."""
        of, nodes = self.classes.of, len(self.classes.of)
        result = self.hops[np.ix_(of[sources], of[targets])]
        row, column = (np.full(nodes, -1, np.int64) for _ in range(2))
        row[sources], column[targets] = np.arange(len(sources)), np.arange(len(targets))
        a, b = row[self.special // nodes], column[self.special % nodes]
        here = (a >= 0) & (b >= 0)
        result[a[here], b[here]] = self.special_hops[here]
        return result

    def find_special(self, source: int, target: int) -> int | None:
        """The place of a pair among those that are traced for themselves."""
        key = source * len(self.classes.of) + target
        at = int(np.searchsorted(self.special, key))
        return at if at < len(self.special) and self.special[at] == key else None

    def example(self, source: int, target: int, *, alone: bool) -> tuple[int, int]:
        """One of the pairs that a packet stands for: itself if traced `alone`, else a pair of
        the same two classes that is none of the special ones."""
        if alone or self.find_special(source, target) is None:
            return source, target
        of = self.classes.of
        for a in np.flatnonzero(of == of[source]).tolist():
            for b in np.flatnonzero(of == of[target]).tolist():
                if a != b and self.find_special(a, b) is None:
                    return a, b
        return source, target


def fill_matrix(
    plane: DataPlane, classes: EquivalenceClasses, separation: SeparationTable, silence: Silence
) -> ReachabilityMatrix:
    """Traces all pairs of classes, then the special pairs."""
    count = len(classes.size)
    special = _special(plane)
    matrix = ReachabilityMatrix(
        plane.fib.family, classes, np.zeros((count, count), np.int8), {}, {}, {},
        special, np.zeros(len(special), np.int8), separation,
    )  # fmt: skip
    spare = _Spare(plane, classes)
    made = plane.made[classes.first]
    matrix.hops[np.ix_(made, made)] = -1
    home = plane.fib.home
    for a, b, weight in _pairs(classes, special):
        known = (weight > 0) & ~(made[a] & made[b])
        a, b, weight = a[known], b[known], weight[known]
        source = classes.first[a]
        target = np.where(a == b, classes.second[b], classes.first[b])
        batch = PacketBatch(source, home[source], home[target])
        traces, open_ = _traced(plane, batch, silence)
        pairs = (source, target, weight)
        arrived = _settle(matrix, plane, traces, open_, pairs, spare, alone=False)
        matrix.hops[a[arrived], b[arrived]] = traces.hops[arrived]
        matrix.hops[a[open_], b[open_]] = NOT_JUDGED
    for start in range(0, len(special), _BATCH):
        pair = special[start : start + _BATCH]
        source, target = (n.astype(np.int32) for n in np.divmod(pair, len(classes.of)))
        batch = PacketBatch(source, home[source], home[target], exact=True)
        traces, open_ = _traced(plane, batch, silence)
        one = np.ones(len(pair), np.int64)
        pairs = (source, target, one)
        arrived = _settle(matrix, plane, traces, open_, pairs, spare, alone=True)
        part = matrix.special_hops[start : start + _BATCH]
        part[arrived] = traces.hops[arrived]
        part[open_] = NOT_JUDGED
    return matrix


def _traced(plane: DataPlane, batch: PacketBatch, silence: Silence) -> tuple[Traces, Bools]:
    """What happens to first packets, and of which of them nothing is claimed.

    Who is asleep by choice speaks first: then the packet is the answer. If that is lost, this is
    the cause that counts; if it arrives, the sleep is, whatever a first packet would meet. The
    verdict on the first packet remains: it is lost.
    """
    traces = trace_batch(plane, batch)
    open_: Bools = traces.result == _UNJUDGED
    lost = np.flatnonzero((traces.result < ARRIVED) & ~open_)
    if not len(lost) or not (silence.nodes or silence.links):
        return traces, open_
    nodes = len(plane.models)
    ends = (batch.origin[lost], batch.source[lost], batch.target[lost])
    again = trace_batch(plane, PacketBatch(*ends, established=True, exact=batch.exact))
    sleepers = traces.other[lost].astype(np.int64) * nodes + traces.at[lost]
    chosen = (traces.result[lost] == _ASLEEP) & _chosen(plane, silence, sleepers)
    unanswered = chosen & (again.result < ARRIVED)
    answered = ~chosen & (again.result == ARRIVED) & _chosen(plane, silence, again.woken)
    some = lost[unanswered]
    traces.result[some] = again.result[unanswered]
    traces.at[some], traces.other[some] = again.at[unanswered], again.other[unanswered]
    some = lost[answered]
    traces.result[some] = _ASLEEP
    traces.other[some], traces.at[some] = np.divmod(again.woken[answered], nodes)
    return traces, open_


def _chosen(plane: DataPlane, silence: Silence, links: Longs) -> Bools:
    """Of sessions as sleeper * nodes + other, whether the one may let it go."""
    names = [model.name for model in plane.models]
    some = [
        link
        for link in unique_values(links).tolist()
        if link >= 0
        and silence.chosen(names[link // len(names)], names[link % len(names)]) is not None
    ]
    found: Bools = np.isin(links, some)
    return found


def _special(plane: DataPlane) -> Longs:
    """Both directions of every exception, as source * nodes + target, sorted."""
    fib, nodes = plane.fib, len(plane.models)
    frm, to = fib.pairs()
    known = (fib.home[frm] >= 0) & (fib.home[to] >= 0) & (frm != to)
    one, other = frm[known].astype(np.int64), to[known].astype(np.int64)
    return unique_values(np.concatenate([one * nodes + other, other * nodes + one]))


def _pairs(classes: EquivalenceClasses, special: Longs) -> Iterator[tuple[Ints, Ints, Longs]]:
    """All ordered pairs of classes in batches, each with the number of pairs of nodes that it
    stands for."""
    count = len(classes.size)
    rows = max(1, _BATCH // max(count, 1))
    everyone = np.arange(count, dtype=np.int32)
    size = classes.size.astype(np.int64)
    nodes = max(len(classes.of), 1)
    source, target = classes.of[special // nodes], classes.of[special % nodes]
    for start in range(0, count, rows):
        some = everyone[start : start + rows]
        a, b = np.repeat(some, count), np.tile(everyone, len(some))
        weight = size[a] * (size[b] - (a == b))
        here = (source >= start) & (source < start + len(some))
        place = (source[here].astype(np.int64) - start) * count + target[here]
        yield a, b, weight - np.bincount(place, minlength=len(weight))


def _settle(
    matrix: ReachabilityMatrix,
    plane: DataPlane,
    traces: Traces,
    open_: Bools,
    pairs: tuple[Ints, Ints, Longs],
    spare: _Spare,
    *,
    alone: bool,
) -> Bools:
    """Counts what a batch did; returns which of its packets arrived."""
    source, target, weight = pairs
    # a doubled address may be answered by the wrong node
    arrived: Bools = (traces.result == ARRIVED) & (traces.at == target)
    quiet = matrix.separation.quiet(source, target) & arrived
    direct = arrived & (traces.hops == 1)
    total, good, near = matrix.counts
    matrix.counts = (
        total + int(weight.sum()),
        good + int(weight[arrived & ~quiet].sum()),
        near + int(weight[direct & ~quiet].sum()),
    )
    matrix.apart += int(weight[quiet].sum())
    matrix.unjudged += int(weight[open_].sum())
    declared = matrix.separation.apart(source, target) & ~arrived
    matrix.apart += int(weight[declared & ~open_].sum())
    _lose(matrix, traces, ~arrived & ~declared, pairs, alone=alone)
    _use(matrix, traces, arrived, pairs, spare, alone=alone)
    _path_mtu(matrix, plane, traces, arrived, (source, target))
    return arrived


def _lose(
    matrix: ReachabilityMatrix,
    traces: Traces,
    owed: Bools,
    pairs: tuple[Ints, Ints, Longs],
    *,
    alone: bool,
) -> None:
    """Sorts the lost packets that are `owed` by their causes."""
    lost = np.flatnonzero(owed)
    if not len(lost):
        return
    source, target, weight = (column[lost] for column in pairs)
    # one number per cause: the nodes' numbers are the digits, `other` counts from -1
    base = np.int64(len(matrix.classes.of) + 1)
    cause = (traces.result[lost] * base + traces.at[lost]) * base + traces.other[lost] + 1
    kinds, first, inverse = np.unique(cause, return_index=True, return_inverse=True)
    sums = np.bincount(inverse, weights=weight).astype(np.int64)
    for kind, i, pairs_lost in zip(kinds.tolist(), first, sums, strict=True):
        rest, other = divmod(kind, int(base))
        code, at = divmod(rest, int(base))
        other -= 1
        old = matrix.losses.get((code, at, other))
        if old is not None:
            old.pairs += int(pairs_lost)
        else:
            example = matrix.example(int(source[i]), int(target[i]), alone=alone)
            matrix.losses[code, at, other] = LostPairs(code, at, other, int(pairs_lost), *example)


def _use(
    matrix: ReachabilityMatrix,
    traces: Traces,
    arrived: Bools,
    pairs: tuple[Ints, Ints, Longs],
    spare: _Spare,
    *,
    alone: bool,
) -> None:
    packets, nodes = traces.relays
    delivered = arrived[packets]
    packets, nodes = packets[delivered], nodes[delivered]
    for relay in unique_values(nodes).tolist():
        through = packets[nodes == relay]
        source, target, weight = (column[through] for column in pairs)
        usage = matrix.usage.setdefault(relay, RelayUsage())
        usage.pairs += int(weight.sum())
        # a relay that dies takes its own pairs with it; these are the pairs of others
        stranded = ~spare.reconnects(relay, source, target)
        usage.stranded += int(weight[stranded].sum())
        for examples, some in (
            (usage.examples, np.arange(len(through))),
            (usage.stranded_examples, np.flatnonzero(stranded)),
        ):
            wanted = 3 - len(examples)
            examples += [
                matrix.example(int(source[i]), int(target[i]), alone=alone) for i in some[:wanted]
            ]


def _path_mtu(
    matrix: ReachabilityMatrix,
    plane: DataPlane,
    traces: Traces,
    arrived: Bools,
    pairs: tuple[Ints, Ints],
) -> None:
    """Sources that make larger packets than a relay or the receiver passes on."""
    mtu = np.array([(s.conf and s.conf.mtu) or 0 for s in plane.models], np.int32)
    packets, nodes = traces.relays
    source = pairs[0][packets]
    path_mtu = (mtu[nodes] > 0) & (mtu[source] > mtu[nodes]) & arrived[packets]
    if not path_mtu.any():
        return
    packets, nodes, source = packets[path_mtu], nodes[path_mtu], source[path_mtu]
    key = source.astype(np.int64) * len(mtu) + nodes
    for i in np.unique(key, return_index=True)[1]:
        matrix.path_mtu.setdefault(
            (int(source[i]), int(nodes[i])), (int(mtu[source[i]]), int(pairs[1][packets[i]]))
        )


class _Spare:
    """Whether a pair could meet over other relays, by the sessions that stand both ways."""

    def __init__(self, plane: DataPlane, classes: EquivalenceClasses) -> None:
        sessions = plane.sessions
        models = plane.models
        relays = [n for n, s in enumerate(models) if s.facts.relay]
        self.index = {node: k for k, node in enumerate(relays)}
        sound = (sessions.fault == 0) & (sessions.back >= 0)
        sound &= np.where(sessions.back >= 0, sessions.fault[sessions.back] == 0, False)
        number = np.full(len(models), -1, np.int32)
        number[relays] = np.arange(len(relays))
        use = np.flatnonzero(sound & (number[sessions.to] >= 0))
        self.link = np.zeros((len(models), len(relays)), bool)
        self.link[sessions.frm[use], number[sessions.to[use]]] = True
        self.link[relays, range(len(relays))] = True
        self.relays = relays
        self._closures: dict[int, Bools] = {}

    def reconnects(self, relay: int, source: Ints, target: Ints) -> Bools:
        reach = self._without(relay)
        result = np.zeros(len(source), bool)
        if not reach.size:
            return result
        step = max(1, (1 << 23) // reach.shape[1])
        for at in range(0, len(source), step):
            part = slice(at, at + step)
            result[part] = (reach[source[part]] & self.link[target[part]]).any(axis=1)
        return result

    def _without(self, relay: int) -> Bools:
        """Which relays each node gets to, over any number of relays, when one is dead."""
        reach = self._closures.get(relay)
        if reach is None:
            between = self.link[self.relays].astype(np.float32)
            reach = self.link.copy()
            dead = self.index.get(relay)
            if dead is not None:
                between[dead, :] = 0
                between[:, dead] = 0
                reach[:, dead] = False
            while True:
                wider = reach | ((reach.astype(np.float32) @ between) > 0)
                if bool((wider == reach).all()):
                    break
                reach = wider
            self._closures[relay] = reach
        return reach

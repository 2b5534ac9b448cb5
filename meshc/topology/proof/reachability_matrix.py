"""The reachability matrix: every ordered pair of nodes in one address family.

One packet is traced for each ordered pair of equivalence classes, in batches, and speaks for all
pairs of their members, save those that are exceptions in the FIB: these are traced themselves.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from meshc.topology.obligations.silence import Silence
from meshc.topology.proof import plain_walks
from meshc.topology.proof.drop import LossReason
from meshc.topology.proof.equivalence_classes import EquivalenceClasses, class_pairs
from meshc.topology.proof.peer_table import Bools, Ints, Longs
from meshc.topology.proof.plain_walks import PlainBlock, PlainWalks
from meshc.topology.proof.relay_usage import EXAMPLES, RelayUsage
from meshc.topology.proof.separation_table import SeparationTable
from meshc.topology.proof.spare_relays import SpareRelays
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
from meshc.values import dataclass

_BATCH = 1 << 20
_PLAIN_BATCH = 1 << 18  # what a cache holds
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
    plane: DataPlane,
    classes: EquivalenceClasses,
    separation: SeparationTable,
    silence: Silence,
    known: dict[bytes, PlainBlock] | None = None,
) -> ReachabilityMatrix:
    """Traces all pairs of classes, then the special pairs. `known` is what another family left."""
    count = len(classes.size)
    special = _special(plane)
    matrix = ReachabilityMatrix(
        plane.fib.family, classes, np.zeros((count, count), np.int8), {}, {}, {},
        special, np.zeros(len(special), np.int8), separation,
    )  # fmt: skip
    spare = SpareRelays(plane)
    made = plane.made[classes.first]
    matrix.hops[np.ix_(made, made)] = -1
    plain = None
    if count >= plain_walks.MANY:
        plain = PlainWalks(plane, classes, separation, spare, {} if known is None else known)
    for start, weight in class_pairs(classes, special, _PLAIN_BATCH if plain else _BATCH):
        rows = slice(start, start + len(weight))
        left = (weight > 0) & ~(made[rows, None] & made)
        if plain is not None:
            wanted = (
                r
                for r in spare.relays
                if r not in matrix.usage or not matrix.usage[r].examples.full
            )
            block = plain.block(rows.start, rows.stop, weight, frozenset(wanted))
            _carry(matrix, block, start, weight)
            matrix.hops[rows][block.hops > 0] = block.hops[block.hops > 0]
            left &= block.hops == 0
        if len(place := np.flatnonzero(left)):
            weights = weight.reshape(-1)[place]
            _trace_classes(matrix, plane, silence, spare, place + start * count, weights)
    # in one order, whatever came in which batch
    matrix.losses = dict(sorted(matrix.losses.items()))
    _trace_special(matrix, plane, silence, spare)
    return matrix


def _trace_classes(
    matrix: ReachabilityMatrix,
    plane: DataPlane,
    silence: Silence,
    spare: SpareRelays,
    place: Longs,
    weight: Longs,
) -> None:
    """One packet for each pair of classes in `place` (source * classes + target)."""
    classes, home = matrix.classes, plane.fib.home
    a, b = (n.astype(np.int32) for n in np.divmod(place, len(classes.size)))
    source = classes.first[a]
    target = np.where(a == b, classes.second[b], classes.first[b])
    batch = PacketBatch(source, home[source], home[target])
    traces, open_ = _traced(plane, batch, silence)
    pairs = (source, target, weight)
    arrived = _settle(matrix, plane, traces, open_, pairs, spare, place, alone=False)
    matrix.hops[a[arrived], b[arrived]] = traces.hops[arrived]
    matrix.hops[a[open_], b[open_]] = NOT_JUDGED


def _trace_special(
    matrix: ReachabilityMatrix, plane: DataPlane, silence: Silence, spare: SpareRelays
) -> None:
    classes, home, special = matrix.classes, plane.fib.home, matrix.special
    for start in range(0, len(special), _BATCH):
        pair = special[start : start + _BATCH]
        source, target = (n.astype(np.int32) for n in np.divmod(pair, len(classes.of)))
        batch = PacketBatch(source, home[source], home[target], exact=True)
        traces, open_ = _traced(plane, batch, silence)
        place = np.arange(start, start + len(pair)) + len(classes.size) ** 2
        pairs = (source, target, np.ones(len(pair), np.int64))
        arrived = _settle(matrix, plane, traces, open_, pairs, spare, place, alone=True)
        part = matrix.special_hops[start : start + _BATCH]
        part[arrived] = traces.hops[arrived]
        part[open_] = NOT_JUDGED


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


def _settle(
    matrix: ReachabilityMatrix,
    plane: DataPlane,
    traces: Traces,
    open_: Bools,
    pairs: tuple[Ints, Ints, Longs],
    spare: SpareRelays,
    place: Longs,
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
    _use(matrix, traces, arrived, pairs, spare, place, alone=alone)
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
    spare: SpareRelays,
    place: Longs,
    *,
    alone: bool,
) -> None:
    packets, nodes = traces.relays
    delivered = arrived[packets]
    packets, nodes = packets[delivered], nodes[delivered]
    for relay in unique_values(nodes).tolist():
        through = np.sort(packets[nodes == relay])
        source, target, weight = (column[through] for column in pairs)
        usage = matrix.usage.setdefault(relay, RelayUsage())
        usage.pairs += int(weight.sum())
        # a relay that dies takes its own pairs with it; these are the pairs of others
        stranded = ~spare.reconnects(relay, source, target)
        usage.stranded += int(weight[stranded].sum())
        for examples, some in (
            (usage.examples, np.arange(min(EXAMPLES, len(through)))),
            (usage.stranded_examples, np.flatnonzero(stranded)),
        ):
            for i in some[:EXAMPLES].tolist():
                ends = int(source[i]), int(target[i])
                examples.note(int(place[through[i]]), partial(matrix.example, *ends, alone=alone))


def _carry(matrix: ReachabilityMatrix, block: PlainBlock, start: int, weight: Longs) -> None:
    """Counts the pairs of a block that are plain."""
    classes, count = matrix.classes, len(matrix.classes.size)
    total, good, near = matrix.counts
    there, direct = (int(weight[which].sum()) for which in (block.hops > 0, block.hops == 1))
    matrix.counts = total + there, good + there, near + direct
    for relay, pairs in block.carried.items():
        usage = matrix.usage.setdefault(relay, RelayUsage())
        usage.pairs += pairs
        for place in block.examples.get(relay, ()):
            a, b = divmod(start * count + place, count)
            ends = int(classes.first[a]), int(classes.first[b])
            usage.examples.note(start * count + place, partial(matrix.example, *ends, alone=False))


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

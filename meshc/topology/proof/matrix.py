"""The verdict for every ordered pair of nodes in one address family.

One packet flies for each ordered pair of groups (`groups.py`), in batches, and speaks for all
pairs of their members, save those that are exceptions in the tables: these fly themselves.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from meshc.topology.proof.distinct import distinct
from meshc.topology.proof.equivalence_classes import Groups
from meshc.topology.proof.peer_table import Bools, Ints, Longs
from meshc.topology.proof.traces import ARRIVED, Batch, Landing, Sky, fly
from meshc.values import dataclass, field

_BATCH = 1 << 20


@dataclass(slots=True)
class Loss:
    """Packets that are lost in one way: how many pairs, and one of them.

    `code` is an index into `flight.ENDS`; `other` is -1 when nobody else is involved.
    """

    code: int
    at: int
    other: int
    pairs: int
    source: int
    target: int


@dataclass(slots=True)
class Usage:
    """What one relay carries: ordered pairs through it, those that no other relay could carry
    (over the sessions that stand in the files), and some examples of each."""

    pairs: int = 0
    stranded: int = 0
    examples: list[tuple[int, int]] = field(default_factory=list)
    stranded_examples: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class Matrix:
    """`hops[a, b]` is the number of hops from group a to group b, 0 when the packet is lost and
    for a group of one to itself, -1 between two nodes without a file: nothing is known of them.
    `steep` are (source, relay) nodes where a relay's MTU is below
    the source's."""

    family: int
    groups: Groups
    hops: NDArray[np.int8]
    losses: dict[tuple[int, int, int], Loss]
    usage: dict[int, Usage]
    steep: dict[tuple[int, int], tuple[int, int]]
    special: Longs
    special_hops: NDArray[np.int8]
    counts: tuple[int, int, int] = (0, 0, 0)

    def hops_of(self, source: int, target: int) -> int:
        """Hops between two nodes; 0 when lost, -1 when one has no address in this family or
        neither has a file."""
        a, b = int(self.groups.of[source]), int(self.groups.of[target])
        if a < 0 or b < 0:
            return -1
        at = self.find_special(source, target)
        return int(self.hops[a, b]) if at is None else int(self.special_hops[at])

    def hops_between(self, sources: Ints, targets: Ints) -> NDArray[np.int8]:
        """`hops_of` for every source (row) and target (column), which all have addresses."""
        of, nodes = self.groups.of, len(self.groups.of)
        result = self.hops[np.ix_(of[sources], of[targets])]
        row, column = (np.full(nodes, -1, np.int64) for _ in range(2))
        row[sources], column[targets] = np.arange(len(sources)), np.arange(len(targets))
        a, b = row[self.special // nodes], column[self.special % nodes]
        here = (a >= 0) & (b >= 0)
        result[a[here], b[here]] = self.special_hops[here]
        return result

    def find_special(self, source: int, target: int) -> int | None:
        """The place of a pair among those that fly for themselves."""
        key = source * len(self.groups.of) + target
        at = int(np.searchsorted(self.special, key))
        return at if at < len(self.special) and self.special[at] == key else None

    def example(self, source: int, target: int, *, alone: bool) -> tuple[int, int]:
        """One of the pairs for which a packet flew: itself if it flew `alone`, else a pair of the
        same two groups that is none of the special ones."""
        if alone or self.find_special(source, target) is None:
            return source, target
        of = self.groups.of
        for a in np.flatnonzero(of == of[source]).tolist():
            for b in np.flatnonzero(of == of[target]).tolist():
                if a != b and self.find_special(a, b) is None:
                    return a, b
        return source, target


def fill_matrix(sky: Sky, groups: Groups) -> Matrix:
    """Flies all pairs of groups, then the special pairs."""
    count = len(groups.size)
    special = _special(sky)
    matrix = Matrix(
        sky.tables.family, groups, np.zeros((count, count), np.int8), {}, {}, {},
        special, np.zeros(len(special), np.int8),
    )  # fmt: skip
    spare = _Spare(sky, groups)
    made = sky.made[groups.first]
    matrix.hops[np.ix_(made, made)] = -1
    home = sky.tables.home
    for a, b, weight in _pairs(groups, special):
        known = (weight > 0) & ~(made[a] & made[b])
        a, b, weight = a[known], b[known], weight[known]
        source = groups.first[a]
        target = np.where(a == b, groups.second[b], groups.first[b])
        landing = fly(sky, Batch(source, home[source], home[target]))
        arrived = _settle(matrix, sky, landing, (source, target, weight), spare, alone=False)
        matrix.hops[a[arrived], b[arrived]] = landing.hops[arrived]
    for start in range(0, len(special), _BATCH):
        pair = special[start : start + _BATCH]
        source, target = (n.astype(np.int32) for n in np.divmod(pair, len(groups.of)))
        landing = fly(sky, Batch(source, home[source], home[target], exact=True))
        one = np.ones(len(pair), np.int64)
        arrived = _settle(matrix, sky, landing, (source, target, one), spare, alone=True)
        matrix.special_hops[start : start + _BATCH][arrived] = landing.hops[arrived]
    return matrix


def _special(sky: Sky) -> Longs:
    """Both directions of every exception, as source * nodes + target, sorted."""
    tables, nodes = sky.tables, len(sky.stations)
    frm, to = tables.pairs()
    known = (tables.home[frm] >= 0) & (tables.home[to] >= 0) & (frm != to)
    one, other = frm[known].astype(np.int64), to[known].astype(np.int64)
    return distinct(np.concatenate([one * nodes + other, other * nodes + one]))


def _pairs(groups: Groups, special: Longs) -> Iterator[tuple[Ints, Ints, Longs]]:
    """All ordered pairs of groups in batches, each with the number of pairs of nodes that it
    stands for."""
    count = len(groups.size)
    rows = max(1, _BATCH // max(count, 1))
    everyone = np.arange(count, dtype=np.int32)
    size = groups.size.astype(np.int64)
    nodes = max(len(groups.of), 1)
    source, target = groups.of[special // nodes], groups.of[special % nodes]
    for start in range(0, count, rows):
        some = everyone[start : start + rows]
        a, b = np.repeat(some, count), np.tile(everyone, len(some))
        weight = size[a] * (size[b] - (a == b))
        here = (source >= start) & (source < start + len(some))
        place = (source[here].astype(np.int64) - start) * count + target[here]
        yield a, b, weight - np.bincount(place, minlength=len(weight))


def _settle(
    matrix: Matrix,
    sky: Sky,
    landing: Landing,
    pairs: tuple[Ints, Ints, Longs],
    spare: _Spare,
    *,
    alone: bool,
) -> Bools:
    """Counts what a batch did; returns which of its packets arrived."""
    source, target, weight = pairs
    # a doubled address may be answered by the wrong node
    arrived: Bools = (landing.result == ARRIVED) & (landing.at == target)
    direct = arrived & (landing.hops == 1)
    total, good, near = matrix.counts
    matrix.counts = (
        total + int(weight.sum()),
        good + int(weight[arrived].sum()),
        near + int(weight[direct].sum()),
    )
    _lose(matrix, landing, arrived, pairs, alone=alone)
    _use(matrix, landing, arrived, pairs, spare, alone=alone)
    _slopes(matrix, sky, landing, arrived, (source, target))
    return arrived


def _lose(
    matrix: Matrix,
    landing: Landing,
    arrived: Bools,
    pairs: tuple[Ints, Ints, Longs],
    *,
    alone: bool,
) -> None:
    lost = np.flatnonzero(~arrived)
    if not len(lost):
        return
    source, target, weight = (column[lost] for column in pairs)
    # one number per cause: the nodes' numbers are the digits, `other` counts from -1
    base = np.int64(len(matrix.groups.of) + 1)
    cause = (landing.result[lost] * base + landing.at[lost]) * base + landing.other[lost] + 1
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
            matrix.losses[code, at, other] = Loss(code, at, other, int(pairs_lost), *example)


def _use(
    matrix: Matrix,
    landing: Landing,
    arrived: Bools,
    pairs: tuple[Ints, Ints, Longs],
    spare: _Spare,
    *,
    alone: bool,
) -> None:
    packets, nodes = landing.relays
    delivered = arrived[packets]
    packets, nodes = packets[delivered], nodes[delivered]
    for relay in distinct(nodes).tolist():
        through = packets[nodes == relay]
        source, target, weight = (column[through] for column in pairs)
        usage = matrix.usage.setdefault(relay, Usage())
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


def _slopes(
    matrix: Matrix, sky: Sky, landing: Landing, arrived: Bools, pairs: tuple[Ints, Ints]
) -> None:
    """Sources that make larger packets than a relay or the receiver passes on."""
    mtu = np.array([(s.conf and s.conf.mtu) or 0 for s in sky.stations], np.int32)
    packets, nodes = landing.relays
    source = pairs[0][packets]
    steep = (mtu[nodes] > 0) & (mtu[source] > mtu[nodes]) & arrived[packets]
    if not steep.any():
        return
    packets, nodes, source = packets[steep], nodes[steep], source[steep]
    key = source.astype(np.int64) * len(mtu) + nodes
    for i in np.unique(key, return_index=True)[1]:
        matrix.steep.setdefault(
            (int(source[i]), int(nodes[i])), (int(mtu[source[i]]), int(pairs[1][packets[i]]))
        )


class _Spare:
    """Whether a pair could meet over other relays, by the sessions that stand both ways."""

    def __init__(self, sky: Sky, groups: Groups) -> None:
        edges = sky.edges
        stations = sky.stations
        relays = [n for n, s in enumerate(stations) if s.facts.relay]
        self.index = {node: k for k, node in enumerate(relays)}
        sound = (edges.fault == 0) & (edges.back >= 0)
        sound &= np.where(edges.back >= 0, edges.fault[edges.back] == 0, False)
        number = np.full(len(stations), -1, np.int32)
        number[relays] = np.arange(len(relays))
        use = np.flatnonzero(sound & (number[edges.to] >= 0))
        self.link = np.zeros((len(stations), len(relays)), bool)
        self.link[edges.frm[use], number[edges.to[use]]] = True
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

"""Assertions: the `tests:` of a topology file, checked against the data plane.

A test may name groups of thousands of nodes on both sides, so that pairs of nodes are checked as
whole tables; hosts outside of the mesh are traced, all pairs of a test in one batch. What is
expected reachable must all be reached and answer; of what is expected unreachable nothing may. A
test that says nothing about anybody does not hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

import numpy as np

from meshc.diagnostics import Diagnostics
from meshc.topology.obligations.claim import Claim
from meshc.topology.proof.claim_host import ClaimHost, node_hosts, node_numbers, outside_hosts
from meshc.topology.proof.expectation import Expectation
from meshc.topology.proof.loss_findings import story
from meshc.topology.proof.network_model import NetworkModel
from meshc.topology.proof.peer_table import Bools, Ints
from meshc.topology.proof.policy_routing import RouteKind
from meshc.topology.proof.reachability_matrix import NOT_JUDGED, ReachabilityMatrix
from meshc.topology.proof.service_trials import ServiceTrials, Trial
from meshc.topology.proof.trace_batch import (
    ARRIVED,
    IN_LAN,
    OUT,
    UNJUDGED,
    DataPlane,
    PacketBatch,
    Traces,
    trace_batch,
)
from meshc.topology.proof.walk import Packet, Trace, walk, walk_pair
from meshc.values import dataclass, field

_MOST = 3
_TABLE = 1 << 20
_LEFT = (ARRIVED, IN_LAN, OUT)


def check_assertions(
    expectation: Expectation,
    names: tuple[str, ...],
    matrices: Mapping[int, ReachabilityMatrix],
    planes: Mapping[int, DataPlane],
    network: NetworkModel,
    found: Diagnostics,
) -> None:
    """A finding for every test that does not hold, with some of the pairs that break it."""
    number = {name: n for n, name in enumerate(names)}
    trials = ServiceTrials(network, expectation.obligations.access)
    for claim in expectation.obligations.claims:
        broken = _Broken()
        for written in (*claim.sources.nobody, *claim.targets.nobody):
            broken.add(f"nobody has {written}")
        for family, matrix in matrices.items():
            assertion = _Assertion(claim, names, number, matrix, planes[family], network, trials)
            assertion.nodes(broken)
            assertion.hosts(broken)
        if not broken.count and not broken.judged and not broken.open:
            broken.add("it says nothing about anybody")
        if broken.open:
            found.add(
                "W443",
                f"this test is not judged for {broken.open:,} of its pairs",
                claim.test.location,
                path="tests",
                hint="`meshc lab` measures it; the findings on hooks say what stands in the way",
            )
        if broken.count:
            more = f" (and {broken.count - _MOST:,} more)" if broken.count > _MOST else ""
            found.add(
                "E419",
                f"this test does not hold: {'; '.join(broken.texts)}{more}",
                claim.test.location,
                path="tests",
                hint="`meshc explain FILE A B` tells the whole story of one pair",
                trace=story(broken.trace) if broken.trace is not None else (),
            )


@dataclass(slots=True)
class _Broken:
    """What breaks one test: how much, the first few as text, the first one's trace. `judged`
    counts the pairs that were looked at, `open` those on whose way is what the proof cannot judge.
    """

    count: int = 0
    open: int = 0
    texts: list[str] = field(default_factory=list)
    trace: Trace | None = None
    judged: int = 0

    def add(self, text: str, trace: Trace | None = None) -> None:
        self.count += 1
        self.trace = self.trace or trace
        if len(self.texts) < _MOST:
            self.texts.append(text)


@dataclass(slots=True)
class _Assertion:
    """One test in one family."""

    claim: Claim
    names: tuple[str, ...]
    number: Mapping[str, int]
    matrix: ReachabilityMatrix
    plane: DataPlane
    network: NetworkModel
    trials: ServiceTrials

    @property
    def family(self) -> int:
        return self.plane.fib.family

    def nodes(self, broken: _Broken) -> None:
        """All pairs of a source and a target that are nodes."""
        sources = node_numbers(self.claim.sources, self.number, self.plane.fib)
        targets = node_numbers(self.claim.targets, self.number, self.plane.fib)
        if not len(sources) or not len(targets):
            return
        rows = max(1, _TABLE // len(targets))
        for start in range(0, len(sources), rows):
            some = sources[start : start + rows]
            for a, b in self.wrong_pairs(some, targets, broken):
                source, target = self.names[a], self.names[b]
                broken.texts.append(self.why(source, target))
                broken.trace = broken.trace or self.lost(a, b)

    def wrong_pairs(
        self, sources: Ints, targets: Ints, broken: _Broken
    ) -> Iterator[tuple[int, int]]:
        """Counts all pairs that break the test and yields the first few."""
        there = self.matrix.hops_between(sources, targets)
        back = self.matrix.hops_between(targets, sources).T
        known = (there >= 0) & (back >= 0) & (sources[:, None] != targets[None, :])
        broken.judged += int(known.sum())
        reached = (there > 0) & (back > 0)
        heard, open_ = self.answered(sources, targets, known & (there > 0) & (back == 0))
        reached |= heard
        if self.trials.needed(self.claim.test.service):
            reached &= self.served(sources, targets, reached & known)
        open_ |= (there == NOT_JUDGED) | (back == NOT_JUDGED)
        broken.open += int(open_.sum())
        known &= ~open_
        if self.claim.apart:
            wrong = known & reached
        else:
            wrong = known & ~reached
            if self.claim.test.via is not None:
                wrong |= known & reached & ~self.follows(sources, targets, there)
        pairs = np.argwhere(wrong)
        broken.count += len(pairs)
        for a, b in pairs[: max(0, _MOST - len(broken.texts))].tolist():
            yield int(sources[a]), int(targets[b])

    def served(self, sources: Ints, targets: Ints, asked: Bools) -> Bools:
        """Whether the service of the test gets through, for the pairs that are asked about. Nodes
        of one class fare alike."""
        of, fib = self.matrix.classes.of.astype(np.int64), self.plane.fib
        pairs = np.argwhere(asked)
        a, b = sources[pairs[:, 0]], targets[pairs[:, 1]]
        kinds, first, inverse = np.unique(
            of[a] * len(of) + of[b], return_index=True, return_inverse=True
        )
        good = np.zeros(len(kinds), bool)
        for kind, i in enumerate(first.tolist()):
            source, target = int(a[i]), int(b[i])
            good[kind] = self.fault_of(source, fib.first(int(fib.home[source])),
                                       fib.first(int(fib.home[target]))) is None  # fmt: skip
        result = np.zeros_like(asked)
        result[pairs[:, 0], pairs[:, 1]] = good[inverse.reshape(-1)]
        return result

    def lost(self, a: int, b: int) -> Trace:
        """The walk that breaks the test, of one of its services if what is carried arrives."""
        trace = walk_pair(self.network, self.names[a], self.names[b], self.family)
        if trace.delivered and self.trials.needed(self.claim.test.service):
            home = self.plane.fib.home
            ends = (self.plane.fib.first(int(home[n])) for n in (a, b))
            return self.fault_of(a, *ends) or trace
        return trace

    def fault_of(self, origin: int, source: int, target: int) -> Trace | None:
        trial = Trial(
            self.family,
            self.names[origin],
            source,
            target,
            self.claim.test.service,
            # of what must not arrive, nothing may
            every=not self.claim.apart,
        )
        return self.trials.fault(trial)

    def answered(self, sources: Ints, targets: Ints, doubtful: Bools) -> tuple[Bools, Bools]:
        """Of pairs whose target could not speak first: whether its answer comes back, and whether
        that cannot be judged."""
        result, open_ = np.zeros_like(doubtful), np.zeros_like(doubtful)
        pairs = np.argwhere(doubtful)
        if len(pairs):
            source, target = sources[pairs[:, 0]], targets[pairs[:, 1]]
            home = self.plane.fib.home
            answers = PacketBatch(target, home[target], home[source], established=True, exact=True)
            traces = trace_batch(self.plane, answers)
            result[tuple(pairs.T)] = (traces.result == ARRIVED) & (traces.at == source)
            open_[tuple(pairs.T)] = traces.result == UNJUDGED
        return result, open_

    def follows(
        self, sources: Ints, targets: Ints, hops: np.ndarray[tuple[int, int], np.dtype[np.int8]]
    ) -> Bools:
        """Whether each pair's path has exactly the relays that the test names."""
        via = [self.number.get(name, -1) for name in self.claim.test.via or ()]
        good: Bools = hops == len(via) + 1
        fib = self.plane.fib
        target = np.broadcast_to(fib.home[targets], good.shape).ravel()
        here = np.repeat(sources, len(targets))
        for relay in via:
            there = fib.next_hop(here, target)
            good &= (there == relay).reshape(good.shape)
            here = np.where(there >= 0, there, here).astype(np.int32)
        return good

    def why(self, source: str, target: str) -> str:
        pair = f"{source} → {target}"
        service = self.claim.test.service
        if self.claim.apart:
            return f"{pair} is reachable" + (f" at {service}" if service else "")
        trace = walk_pair(self.network, source, target, self.family)
        back = walk_pair(self.network, target, source, self.family)
        if trace.delivered and back.delivered and self.claim.test.via is not None:
            return f"{pair} goes {' → '.join(trace.path)}"
        at = f" at {service}" if service else ""
        return f"{pair} is not reachable{at} over IPv{self.family}"

    def hosts(self, broken: _Broken) -> None:
        """All pairs of which one end at least is a host on a LAN, or the internet."""
        claim, fib = self.claim, self.plane.fib
        lans = list(outside_hosts(claim.sources, self.plane, sender=True))
        beyond = list(outside_hosts(claim.targets, self.plane, sender=False))
        if not lans and not beyond:
            return
        sources, targets = (
            list(node_hosts(node_numbers(end, self.number, fib), self.names, fib))
            for end in (claim.sources, claim.targets)
        )
        pairs = [*product(lans, (*targets, *beyond)), *product(sources, beyond)]
        pairs = [pair for pair in pairs if pair[0].atom != pair[1].atom and self.known(*pair)]
        broken.judged += len(pairs)
        told: set[tuple[str, str]] = set()
        for pair, (reached, judged) in zip(pairs, self.exchanged(pairs), strict=True):
            if not judged:
                broken.open += 1
                continue
            ends = pair[0].written, pair[1].written
            text, trace = self.fault(*pair, reached=reached)
            if text and ends not in told:
                told.add(ends)
                broken.add(text, trace)

    def known(self, source: ClaimHost, target: ClaimHost) -> bool:
        """Between two nodes without a file nothing is claimed."""
        made = self.plane.made
        return source.node < 0 or target.node < 0 or not (made[source.node] and made[target.node])

    def exchanged(self, pairs: list[tuple[ClaimHost, ClaimHost]]) -> Iterator[tuple[bool, bool]]:
        """Whether a packet arrives and its answer comes back, and whether that can be judged, for
        each pair."""
        there, back = self.traced(pairs)
        # who is asked on a LAN answers from where the packet left; what comes back ends at the
        # node that asked, or in the LAN of the router behind which the host lies
        asked = np.array([source.node for source, _ in pairs], np.int32)
        owed = np.array([target.node for _, target in pairs], np.int32)
        beyond = np.array([target.outside for _, target in pairs], bool)
        wanted = np.where(beyond, True, there.at == owed)
        good = np.isin(there.result, _LEFT) & wanted
        good &= np.isin(back.result, (ARRIVED, IN_LAN)) & (back.at == asked)
        left = np.isin(there.result, _LEFT)
        open_ = np.where(left, back.result, there.result) == UNJUDGED
        if self.trials.needed(self.claim.test.service):
            served = [
                bool(one) and self.fault_of(source.node, source.address, target.address) is None
                for one, (source, target) in zip(good, pairs, strict=True)
            ]
            good &= np.array(served, bool)  # there may be no pair of this family
        yield from zip(good.tolist(), (~open_).tolist(), strict=True)

    def traced(self, pairs: list[tuple[ClaimHost, ClaimHost]]) -> tuple[Traces, Traces]:
        source = np.array([one.atom for one, _ in pairs], np.int32)
        target = np.array([other.atom for _, other in pairs], np.int32)
        origin = np.array([one.node for one, _ in pairs], np.int32)
        there = trace_batch(self.plane, PacketBatch(origin, source, target, exact=True))
        back = PacketBatch(there.at.copy(), target, source, established=True, exact=True)
        return there, trace_batch(self.plane, back)

    def fault(
        self, source: ClaimHost, target: ClaimHost, *, reached: bool
    ) -> tuple[str, Trace | None]:
        """Why a pair breaks the test, or ''."""
        pair = f"{source.written} → {target.written}"
        via = self.claim.test.via
        if self.claim.apart != reached and (via is None or self.claim.apart):
            return "", None
        origin = self.names[source.node]
        packet = Packet(self.family, source.address, target.address)
        trace = walk(self.network, origin, packet, target=target.written)
        at = f" at {self.claim.test.service}" if self.claim.test.service else ""
        if self.claim.apart:
            return f"{pair} is reachable{at}", trace
        if not reached:
            if trace.delivered and self.trials.needed(self.claim.test.service):
                trace = self.fault_of(source.node, source.address, target.address) or trace
            return f"{pair} is not reachable{at} over IPv{self.family}", trace
        if via is not None and via not in _between(trace):
            return f"{pair} goes {' → '.join(trace.path)}", trace
        return "", None


def _between(trace: Trace) -> tuple[tuple[str, ...], ...]:
    """The relays between the ends: a router belongs to its LAN; an exit may be named, or taken to
    belong to the internet."""
    inner = trace.path[1:-1]
    return (trace.path[1:], inner) if trace.way is RouteKind.UPLINK else (inner,)

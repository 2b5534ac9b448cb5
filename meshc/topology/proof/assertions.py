"""Assertions: the `tests:` of a topology file, checked against the data plane.

A test may name groups of thousands of nodes on both sides, so that pairs of nodes are checked as
whole tables; only targets outside of the mesh are asked for one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from meshc.diagnostics import Diagnostics
from meshc.errors import PrefixFormatError
from meshc.prefixes import Prefix
from meshc.topology.language.spec import Expect, TestSpec
from meshc.topology.proof.drop import LossReason
from meshc.topology.proof.expectation import Expectation
from meshc.topology.proof.loss_findings import story
from meshc.topology.proof.network_model import NetworkModel
from meshc.topology.proof.peer_table import Bools, Ints
from meshc.topology.proof.reachability_matrix import NOT_JUDGED, ReachabilityMatrix
from meshc.topology.proof.trace_batch import (
    ARRIVED,
    IN_LAN,
    OUT,
    DataPlane,
    PacketBatch,
    trace_batch,
)
from meshc.topology.proof.walk import Packet, Trace, walk, walk_pair
from meshc.values import dataclass, field

_MOST = 3
_TABLE = 1 << 20


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
    for test in expectation.tests:
        broken = _Broken()
        for family, matrix in matrices.items():
            assertion = _Assertion(test, names, number, matrix, planes[family], network)
            assertion.nodes(broken)
            assertion.prefixes(broken)
        if broken.open:
            found.add(
                "W443",
                f"this test is not judged for {broken.open:,} of its pairs",
                test.location,
                path="tests",
                hint="`meshc lab` measures it; the findings on hooks say what stands in the way",
            )
        if broken.count:
            more = f" (and {broken.count - _MOST:,} more)" if broken.count > _MOST else ""
            found.add(
                "E419",
                f"this test does not hold: {'; '.join(broken.texts)}{more}",
                test.location,
                path="tests",
                hint="`meshc explain FILE A B` tells the whole story of one pair",
                trace=story(broken.trace) if broken.trace is not None else (),
            )


@dataclass(slots=True)
class _Broken:
    """The pairs that break one test: how many, the first few as text, the first one's trace;
    and how many are `open`, because the proof cannot judge something on their way."""

    count: int = 0
    open: int = 0
    texts: list[str] = field(default_factory=list)
    trace: Trace | None = None


@dataclass(slots=True)
class _Assertion:
    """One test in one family."""

    test: TestSpec
    names: tuple[str, ...]
    number: Mapping[str, int]
    matrix: ReachabilityMatrix
    plane: DataPlane
    network: NetworkModel

    @property
    def family(self) -> int:
        return self.plane.fib.family

    def nodes(self, broken: _Broken) -> None:
        """All pairs of a source and a target that are nodes."""
        sources = self.known(self.test.sources)
        targets = self.known(self.test.targets)
        if not len(sources) or not len(targets):
            return
        rows = max(1, _TABLE // len(targets))
        for start in range(0, len(sources), rows):
            some = sources[start : start + rows]
            for a, b in self.wrong_pairs(some, targets, broken):
                source, target = self.names[a], self.names[b]
                broken.texts.append(self.why(source, target))
                broken.trace = broken.trace or walk_pair(self.network, source, target, self.family)

    def known(self, names: tuple[str, ...]) -> Ints:
        """The numbers of those names that are nodes with an address in this family."""
        numbers = [self.number[name] for name in names if name in self.number]
        home = self.plane.fib.home
        return np.array([n for n in numbers if home[n] >= 0], np.int32)

    def wrong_pairs(
        self, sources: Ints, targets: Ints, broken: _Broken
    ) -> Iterator[tuple[int, int]]:
        """Counts all pairs that break the test and yields the first few."""
        there = self.matrix.hops_between(sources, targets)
        back = self.matrix.hops_between(targets, sources).T
        known = (there >= 0) & (back >= 0) & (sources[:, None] != targets[None, :])
        reached = (there > 0) & (back > 0)
        broken.open += int(((there == NOT_JUDGED) | (back == NOT_JUDGED)).sum())
        if self.test.expect is Expect.UNREACHABLE:
            wrong = known & reached
        else:
            wrong = known & ~reached
            if self.test.via is not None:
                wrong |= known & reached & ~self.follows(sources, targets, there)
        pairs = np.argwhere(wrong)
        broken.count += len(pairs)
        for a, b in pairs[: max(0, _MOST - len(broken.texts))].tolist():
            yield int(sources[a]), int(targets[b])

    def follows(
        self, sources: Ints, targets: Ints, hops: np.ndarray[tuple[int, int], np.dtype[np.int8]]
    ) -> Bools:
        """Whether each pair's path has exactly the relays that the test names."""
        via = [self.number.get(name, -1) for name in self.test.via or ()]
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
        if self.test.expect is Expect.UNREACHABLE:
            return f"{pair} is reachable"
        trace = walk_pair(self.network, source, target, self.family)
        back = walk_pair(self.network, target, source, self.family)
        if trace.delivered and back.delivered and self.test.via is not None:
            return f"{pair} goes {' → '.join(trace.path)}"
        return f"{pair} is not reachable over IPv{self.family}"

    def prefixes(self, broken: _Broken) -> None:
        """All pairs of a node and a piece of a LAN or of the internet."""
        for target in self.test.targets:
            prefix = _prefix(target) if target not in self.number else None
            if prefix is None or prefix.family != self.family:
                continue
            for source in self.known(self.test.sources).tolist():
                text, trace = self.outside(source, prefix)
                if trace.drop is not None and trace.drop.reason is LossReason.UNJUDGED:
                    broken.open += 1
                elif text:
                    broken.count += 1
                    broken.trace = broken.trace or trace
                    if len(broken.texts) < _MOST:
                        broken.texts.append(f"{self.names[source]} → {target} {text}")

    def outside(self, source: int, prefix: Prefix) -> tuple[str, Trace]:
        """Why a prefix as target breaks the test, or ''. `via` then names everyone between the
        source and the LAN, the router last."""
        fib = self.plane.fib
        atoms = np.array([a for a in fib.atoms(prefix) if fib.first(a) <= prefix.last], np.int32)
        one = np.full_like(atoms, source)
        home = np.full_like(atoms, fib.home[source])
        traces = trace_batch(self.plane, PacketBatch(one, home, atoms, exact=True))
        reached = bool(np.isin(traces.result, (ARRIVED, IN_LAN, OUT)).all())
        own = fib.first(int(fib.home[source]))
        packet = Packet(self.family, own, prefix.value)
        trace = walk(self.network, self.names[source], packet)
        if self.test.expect is Expect.UNREACHABLE:
            return ("is reachable" if reached else ""), trace
        if not reached:
            return f"is not reachable over IPv{self.family}", trace
        if self.test.via is not None and trace.path[1:] != self.test.via:
            return f"goes {' → '.join(trace.path)}", trace
        return "", trace


def _prefix(text: str) -> Prefix | None:
    try:
        return Prefix.parse(text)
    except PrefixFormatError:
        return None

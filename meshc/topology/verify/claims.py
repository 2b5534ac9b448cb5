"""The `tests:` of a topology file, judged on the proof."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from meshc.diagnostics import Diagnostics
from meshc.errors import PrefixFormatError
from meshc.prefixes import Prefix, address_text
from meshc.topology.spec import Expect, TestSpec
from meshc.topology.verify.facts import Expectation
from meshc.topology.verify.flight import ARRIVED, IN_LAN, OUT, Batch, Sky, fly
from meshc.topology.verify.losses import story
from meshc.topology.verify.matrix import Matrix
from meshc.topology.verify.walk import Packet, Trace, World, walk, walk_pair

_MOST = 3


def judge_tests(
    expectation: Expectation,
    names: tuple[str, ...],
    matrices: Mapping[int, Matrix],
    skies: Mapping[int, Sky],
    world: World,
    found: Diagnostics,
) -> None:
    """A finding for every test that does not hold, with some of the pairs that break it."""
    number = {name: n for n, name in enumerate(names)}
    for test in expectation.tests:
        broken: list[str] = []
        trace: Trace | None = None
        for source in test.sources:
            for target in test.targets:
                if source not in number or source == target:
                    continue
                for family, matrix in matrices.items():
                    judge = _Judge(test, number, matrix, skies[family], world)
                    wrong = judge.wrong(source, target)
                    if wrong is None:
                        continue
                    broken.append(wrong)
                    if trace is None and len(broken) <= _MOST:
                        trace = judge.trace(source, target)
        if broken:
            more = f" (and {len(broken) - _MOST:,} more)" if len(broken) > _MOST else ""
            found.add(
                "E419",
                f"this test does not hold: {'; '.join(broken[:_MOST])}{more}",
                test.location,
                path="tests",
                hint="`meshc explain FILE A B` tells the whole story of one pair",
                trace=story(trace) if trace is not None else (),
            )


class _Judge:
    """One test in one family."""

    def __init__(
        self, test: TestSpec, number: Mapping[str, int], matrix: Matrix, sky: Sky, world: World
    ) -> None:
        self.test, self.number, self.matrix = test, number, matrix
        self.sky, self.world = sky, world
        self.names = {n: name for name, n in number.items()} if test.via is not None else {}

    def wrong(self, source: str, target: str) -> str | None:
        """Why this pair breaks the test; None when it does not, or has no such addresses."""
        a = self.number[source]
        if self.sky.tables.home[a] < 0:
            return None
        if target in self.number:
            hops = self.matrix.hops_of(a, self.number[target])
            if hops < 0:
                return None
            back = self.matrix.hops_of(self.number[target], a)
            reached = hops > 0 and back > 0
            path = self.path(source, target, hops)
        else:
            prefix = _prefix(target)
            if prefix is None or prefix.family != self.sky.tables.family:
                return None
            reached, path = self.outside(a, prefix)
        pair = f"{source} → {target}"
        if self.test.expect is Expect.UNREACHABLE:
            return f"{pair} is reachable" if reached else None
        if not reached:
            return f"{pair} is not reachable over IPv{self.sky.tables.family}"
        if self.test.via is not None and path is not None and path[1:-1] != self.test.via:
            return f"{pair} goes {' → '.join(path)}"
        return None

    def path(self, source: str, target: str, hops: int) -> tuple[str, ...] | None:
        if self.test.via is None or hops <= 0:
            return None
        tables = self.sky.tables
        here, home = self.number[source], tables.home[[self.number[target]]]
        nodes = [here]
        for _ in range(hops):
            here = int(tables.next_hop(np.array([here], np.int32), home)[0])
            nodes.append(here)
        return tuple(self.names[n] for n in nodes)

    def outside(self, source: int, prefix: Prefix) -> tuple[bool, tuple[str, ...] | None]:
        """Whether all of a prefix (a LAN, or a piece of the internet) is reached. `via` then
        names everyone between the source and the LAN, the router last."""
        tables = self.sky.tables
        top = prefix.last
        atoms = [a for a in tables.atoms(prefix) if tables.first(a) <= top]
        one = np.full(len(atoms), source, np.int32)
        home = np.full(len(atoms), tables.home[source], np.int32)
        landing = fly(self.sky, Batch(one, home, np.array(atoms, np.int32), exact=True))
        good = np.isin(landing.result, (ARRIVED, IN_LAN, OUT))
        path = None
        if self.test.via is not None:
            trace = self.trace(self.world_name(source), address_text(prefix.family, prefix.value))
            path = (*trace.path, "")
        return bool(good.all()), path

    def world_name(self, number: int) -> str:
        return self.names[number]

    def trace(self, source: str, target: str) -> Trace:
        family = self.sky.tables.family
        if target in self.number:
            return walk_pair(self.world, source, target, family)
        prefix = _prefix(target)
        assert prefix is not None, "a target is a node or a prefix"
        own = self.sky.tables.first(int(self.sky.tables.home[self.number[source]]))
        return walk(self.world, source, Packet(family, own, prefix.value))


def _prefix(text: str) -> Prefix | None:
    try:
        return Prefix.parse(text)
    except PrefixFormatError:
        return None

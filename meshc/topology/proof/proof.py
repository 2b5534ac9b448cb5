"""The proof as a value: who gets to whom, along which path, and what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import permutations

import numpy as np

from meshc.diagnostics import Diagnostic, Diagnostics, Severity
from meshc.topology.proof.anycast import check_anycast
from meshc.topology.proof.assertions import judge_tests
from meshc.topology.proof.dead_relays import RelayFailure, relay_failures
from meshc.topology.proof.equivalence_classes import group_nodes
from meshc.topology.proof.expectation import Expectation, NodeFile
from meshc.topology.proof.fib import build_tables
from meshc.topology.proof.file_checks import check_files
from meshc.topology.proof.losses import check_losses
from meshc.topology.proof.matrix import Matrix, fill_matrix
from meshc.topology.proof.node_model import Station
from meshc.topology.proof.outside import check_outside
from meshc.topology.proof.peer_table import Columns, read_columns
from meshc.topology.proof.session_table import Edges, judge_edges
from meshc.topology.proof.traces import Sky
from meshc.topology.proof.verdict import READABLE, Verdict
from meshc.topology.proof.walk import Trace, World, walk_pair
from meshc.wg.conf import Conf

Reread = Callable[[str], Conf]


@dataclass(frozen=True)
class Proof:
    """`names` are the nodes in order; `matrices` has one entry per address family in use.

    `findings` are sorted; the proof holds when none of them is an error.
    """

    names: tuple[str, ...]
    matrices: Mapping[int, Matrix] = field(compare=False)
    findings: tuple[Diagnostic, ...]
    failures: tuple[RelayFailure, ...]
    world: World = field(compare=False, repr=False)
    skies: Mapping[int, Sky] = field(compare=False, repr=False)

    @property
    def holds(self) -> bool:
        return all(found.severity is not Severity.ERROR for found in self.findings)

    @property
    def families(self) -> tuple[int, ...]:
        return tuple(self.matrices)

    @property
    def counts(self) -> tuple[int, int, int]:
        """Ordered pairs over all families: (all, delivered, delivered in one hop)."""
        sums = [matrix.counts for matrix in self.matrices.values()]
        return (sum(c[0] for c in sums), sum(c[1] for c in sums), sum(c[2] for c in sums))

    def hops(self, source: str, target: str, family: int) -> int:
        """Hops from one node to another; 0 when lost, -1 without addresses in this family or
        without files.
        Raises: ValueError for a name that is no node."""
        return self.matrices[family].hops_of(self._number(source), self._number(target))

    def reachable(self, source: str, target: str) -> bool:
        """Whether packets arrive in every family in which both have an address."""
        hops = [self.hops(source, target, family) for family in self.families]
        return all(hops) and any(h > 0 for h in hops)

    def path(self, source: str, target: str, family: int) -> tuple[str, ...] | None:
        """The nodes that a packet passes, both ends included; None when it is lost."""
        hops = self.hops(source, target, family)
        if hops <= 0:
            return None
        tables = self.skies[family].tables
        here, end = self._number(source), self._number(target)
        nodes = [here]
        for _ in range(hops):
            step = tables.next_hop(np.array([here], np.int32), tables.home[[end]])
            here = int(step[0])
            nodes.append(here)
        return tuple(self.names[n] for n in nodes)

    def trace(self, source: str, target: str, family: int) -> Trace:
        """The packet's walk, step by step. Raises: KeyError for a name that is no node."""
        return walk_pair(self.world, source, target, family)

    def with_findings(self, findings: Iterable[Diagnostic]) -> Proof:
        """The same proof with another list of findings, such as one that reading added to."""
        return replace(self, findings=tuple(findings))

    def verdict(self) -> Verdict:
        """The proof in short."""
        return Verdict(
            {family: matrix.counts for family, matrix in self.matrices.items()},
            self._paths() if len(self.names) <= READABLE else None,
            self.findings,
        )

    def _paths(self) -> dict[tuple[str, str], tuple[str, ...]]:
        found: dict[tuple[str, str], tuple[str, ...]] = {}
        for source, target in permutations(self.names, 2):
            paths = [self.path(source, target, family) or () for family in self.families]
            there = self.reachable(source, target)
            found[source, target] = max(paths, key=len) if there else ()
        return found

    def _number(self, name: str) -> int:
        number = int(np.searchsorted(self._sorted, name))
        if number == len(self.names) or self.names[number] != name:
            raise ValueError(f"{name!r} is not a node of this proof")
        return number

    @property
    def _sorted(self) -> tuple[str, ...]:
        return self.names


def prove(
    files: Iterable[NodeFile], expectation: Expectation, *, reread: Reread | None = None
) -> Proof:
    """Proves what the files do against what should hold.

    Files are taken one by one. With `reread` (name -> its file again) none of them is kept, which
    a network of a thousand nodes thanks with half a gigabyte; traces then read what they need.
    """
    kept: dict[str, Conf] = {}
    columns = read_columns(files if reread else _keep(files, kept), expectation)
    world = _world(columns, expectation, reread or kept.__getitem__)
    edges = judge_edges(columns)
    found = Diagnostics()
    matrices: dict[int, Matrix] = {}
    skies: dict[int, Sky] = {}
    for family in _families(columns):
        sky = skies[family] = _sky(columns, edges, expectation, family)
        matrices[family] = fill_matrix(sky, group_nodes(sky.tables, edges, columns.stations))
    told = check_losses(columns, matrices, world, expectation, found)
    check_files(columns, edges, skies, expectation, told, found)
    check_anycast(columns, found)
    check_outside(columns, skies, matrices, world, expectation, found)
    failures = relay_failures(columns.names, matrices, found)
    judge_tests(expectation, columns.names, matrices, skies, world, found)
    return Proof(
        names=columns.names,
        matrices=matrices,
        findings=tuple(found.sorted()),
        failures=failures,
        world=world,
        skies=skies,
    )


def _keep(files: Iterable[NodeFile], kept: dict[str, Conf]) -> Iterator[NodeFile]:
    for file in files:
        kept[file.name] = file.whole()
        yield file


def _world(columns: Columns, expectation: Expectation, read: Reread) -> World:
    def load(station: Station) -> Station:
        return replace(station, conf=read(station.name)) if station.conf is not None else station

    return World(columns.stations, expectation.pools, load)


def _families(columns: Columns) -> list[int]:
    return sorted({p.family for station in columns.stations for p in station.own})


def _sky(columns: Columns, edges: Edges, expectation: Expectation, family: int) -> Sky:
    tables = build_tables(columns, family, expectation.pools)
    pools = np.zeros(len(tables.owner), bool)
    for prefix in expectation.pools:
        if prefix.family == family:
            part = tables.atoms(prefix)
            pools[part.start : part.stop] = True
    return Sky(tables, edges, columns.stations, pools)

"""The proof as a value: who gets to whom, along which path, and what is wrong."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import permutations

import numpy as np

from meshc.diagnostics import Diagnostic, Diagnostics, Severity
from meshc.topology.proof.anycast import check_anycast
from meshc.topology.proof.assertions import check_assertions
from meshc.topology.proof.clear_text import check_kill_switches
from meshc.topology.proof.dead_relays import RelayFailure, relay_failures
from meshc.topology.proof.default_route_findings import check_default_routes
from meshc.topology.proof.duty_findings import check_duties
from meshc.topology.proof.equivalence_classes import equivalence_classes
from meshc.topology.proof.expectation import Expectation, NodeFile
from meshc.topology.proof.external_findings import check_external
from meshc.topology.proof.fib import build_fib
from meshc.topology.proof.file_checks import check_files
from meshc.topology.proof.hook_findings import check_hooks
from meshc.topology.proof.loss_findings import check_losses
from meshc.topology.proof.network_model import NetworkModel
from meshc.topology.proof.node_model import NodeModel
from meshc.topology.proof.open_exits import check_exits
from meshc.topology.proof.path_table import Paths, path_table
from meshc.topology.proof.peer_table import MeshPeerTable, read_peer_table
from meshc.topology.proof.plain_walks import PlainBlock
from meshc.topology.proof.reachability_matrix import (
    NOT_JUDGED,
    ReachabilityMatrix,
    fill_matrix,
)
from meshc.topology.proof.separation_table import separation_table
from meshc.topology.proof.session_table import SessionTable, judge_sessions
from meshc.topology.proof.trace_batch import DataPlane
from meshc.topology.proof.verdict import READABLE, Verdict
from meshc.topology.proof.walk import Trace, walk_pair
from meshc.wg.conf import Conf

Reread = Callable[[str], Conf]


@dataclass(frozen=True)
class Proof:
    """`names` are the nodes in order; `matrices` has one entry per address family in use.

    `findings` are sorted; the proof holds when none of them is an error.
    """

    names: tuple[str, ...]
    matrices: Mapping[int, ReachabilityMatrix] = field(compare=False)
    findings: tuple[Diagnostic, ...]
    failures: tuple[RelayFailure, ...]
    network: NetworkModel = field(compare=False, repr=False)
    planes: Mapping[int, DataPlane] = field(compare=False, repr=False)

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
        without files, NOT_JUDGED when nothing is claimed.
        Raises: ValueError for a name that is no node."""
        return self.matrices[family].hops_of(self._number(source), self._number(target))

    def reachable(self, source: str, target: str) -> bool:
        """Whether packets arrive in every family in which both have an address."""
        hops = [self.hops(source, target, family) for family in self.families]
        return all(h not in (0, NOT_JUDGED) for h in hops) and any(h > 0 for h in hops)

    def path(self, source: str, target: str, family: int) -> tuple[str, ...] | None:
        """The nodes that a packet passes, both ends included; None when it is lost."""
        hops = self.hops(source, target, family)
        if hops <= 0:
            return None
        fib = self.planes[family].fib
        here, end = self._number(source), self._number(target)
        nodes = [here]
        for _ in range(hops):
            step = fib.next_hop(np.array([here], np.int32), fib.home[[end]])
            here = int(step[0])
            nodes.append(here)
        return tuple(self.names[n] for n in nodes)

    def separate(self, source: str, target: str) -> bool:
        """Whether one may begin nothing with the other, or is declared apart from it and lost, in
        every family in which both have an address."""
        a, b = self._number(source), self._number(target)
        one, other = np.array([a], np.int32), np.array([b], np.int32)
        found = []
        for matrix in self.matrices.values():
            hops = matrix.hops_of(a, b)
            if hops != -1:
                quiet = bool(matrix.separation.quiet(one, other)[0])
                found.append(quiet or (not hops and bool(matrix.separation.apart(one, other)[0])))
        return bool(found) and all(found)

    def paths(self) -> Paths:
        """The path of every ordered pair: the longest over the families, empty when it is lost."""
        families = ((matrix, self.planes[one].fib) for one, matrix in self.matrices.items())
        return path_table(self.names, families)

    def trace(self, source: str, target: str, family: int) -> Trace:
        """The packet's walk, step by step. Raises: KeyError for a name that is no node."""
        return walk_pair(self.network, source, target, family)

    def with_findings(self, findings: Iterable[Diagnostic]) -> Proof:
        """The same proof with another list of findings, such as one that reading added to."""
        return replace(self, findings=tuple(findings))

    def verdict(self) -> Verdict:
        """The proof in short."""
        return Verdict(
            {family: matrix.pair_counts for family, matrix in self.matrices.items()},
            self.paths() if len(self.names) <= READABLE else None,
            self.findings,
            self._apart() if len(self.names) <= READABLE else frozenset(),
        )

    def _apart(self) -> frozenset[tuple[str, str]]:
        return frozenset(pair for pair in permutations(self.names, 2) if self.separate(*pair))

    def _number(self, name: str) -> int:
        number = bisect_left(self.names, name)
        if number == len(self.names) or self.names[number] != name:
            raise ValueError(f"{name!r} is not a node of this proof")
        return number


def prove(
    files: Iterable[NodeFile], expectation: Expectation, *, reread: Reread | None = None
) -> Proof:
    """Proves what the files do against what should hold.

    Files are taken one by one. With `reread` (name -> its file again) none of them is kept, which
    a network of a thousand nodes thanks with half a gigabyte; traces then read what they need.
    """
    kept: dict[str, Conf] = {}
    found = Diagnostics()
    if any(facts.outputs for facts in expectation.nodes.values()):
        # most networks have none, and their readers take a while to load
        from meshc.topology.proof.output_findings import judged_outputs

        files = judged_outputs(files, expectation, found)
    table = read_peer_table(files if reread else _keep(files, kept), expectation)
    network = _network(table, expectation, reread or kept.__getitem__)
    sessions = judge_sessions(table)
    planes, matrices = _matrices(table, sessions, expectation)
    check_hooks(table, found)
    check_default_routes(table, planes, expectation.obligations.around.exits, found)
    told = check_losses(table, matrices, network, expectation, found)
    check_files(table, sessions, planes, expectation, told, found)
    check_duties(table, expectation, found)
    check_anycast(table, found)
    check_external(table, planes, matrices, network, expectation, found)
    check_exits(table, expectation, found)
    if expectation.obligations.access is not None:
        # as above: most networks have no policies
        from meshc.topology.proof.access_findings import check_access

        check_access(table, expectation, found)
    check_kill_switches(table, expectation.pools, found)
    failures = relay_failures(table.names, matrices, found)
    check_assertions(expectation, table.names, matrices, planes, network, found)
    return Proof(
        names=table.names,
        matrices=matrices,
        findings=tuple(found.sorted()),
        failures=failures,
        network=network,
        planes=planes,
    )


def _keep(files: Iterable[NodeFile], kept: dict[str, Conf]) -> Iterator[NodeFile]:
    for file in files:
        kept[file.name] = file.whole()
        yield file


def _network(table: MeshPeerTable, expectation: Expectation, read: Reread) -> NetworkModel:
    def load(model: NodeModel) -> NodeModel:
        if model.script is not None:
            return replace(model, conf=model.script.conf)
        return replace(model, conf=read(model.name)) if model.conf is not None else model

    return NetworkModel(table.models, expectation.pools, load)


def _families(table: MeshPeerTable) -> list[int]:
    return sorted({p.family for model in table.models for p in model.own})


def _matrices(
    table: MeshPeerTable, sessions: SessionTable, expectation: Expectation
) -> tuple[dict[int, DataPlane], dict[int, ReachabilityMatrix]]:
    """By family: what forwards the packets, and what becomes of them."""
    matrices: dict[int, ReachabilityMatrix] = {}
    planes: dict[int, DataPlane] = {}
    known: dict[bytes, PlainBlock] = {}
    for family in _families(table):
        plane = planes[family] = _plane(table, sessions, expectation, family)
        apart = separation_table(table.names, expectation.obligations, family)
        classes = equivalence_classes(plane.fib, sessions, table.models, apart.kind)
        matrices[family] = fill_matrix(
            plane, classes, apart, expectation.obligations.silence, known
        )
    return planes, matrices


def _plane(
    table: MeshPeerTable, sessions: SessionTable, expectation: Expectation, family: int
) -> DataPlane:
    fib = build_fib(table, family, (*expectation.pools, *expectation.obligations.cuts()))
    pools = np.zeros(len(fib.owner), bool)
    for prefix in expectation.pools:
        if prefix.family == family:
            part = fib.atoms(prefix)
            pools[part.start : part.stop] = True
    return DataPlane(fib, sessions, table.models, pools)

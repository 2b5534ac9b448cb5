"""What a deploy of the whole network finds beside its nodes: those that have left the topology, and
those that nobody logs in to, who need their new file by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from meshc.build.reader import open_build
from meshc.deploy.deploy_journal import DeployJournal, build_of, read_journal, write_journal
from meshc.deploy.plan.selection import deployable
from meshc.topology.obligations.reach import ReachChange, reach_change
from meshc.topology.obligations.reach_record import read_record
from meshc.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from meshc.build.pipeline import BuildComparison
    from meshc.topology.language.spec import Spec


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`left` were deployed and are no longer in the topology; `by_hand` have another file than when
    something was deployed last. `files` are the hashes of the files of the build, `reach` is what
    policies open and close against what was deployed last."""

    journal: DeployJournal
    build: str
    files: Mapping[str, str]
    left: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()
    reach: ReachChange = ReachChange()

    def __bool__(self) -> bool:
        return bool(self.left)


def surroundings(result: BuildComparison, *, whole: bool) -> Surroundings:
    """`whole`: all nodes are meant. Raises: StateError."""
    journal = read_journal(result.workspace.file) or DeployJournal()
    build, files = build_of(open_build(result.out, file=result.workspace.file))
    by_hand = [
        name
        for name, node in result.plan.nodes.items()
        if node.spec.managed
        and not deployable(node.spec)
        and journal.files.get(name) != files.get(name)
    ]
    left = journal.left(result.plan) if whole else ()
    reach = _reach(journal, result.plan.spec)
    return Surroundings(journal, build, files, left, tuple(by_hand), reach)


def _reach(journal: DeployJournal, spec: Spec) -> ReachChange:
    """Nothing where nothing was deployed yet, and where neither had policies."""
    if not journal.nodes or (not journal.policies and spec.policies is None):
        return ReachChange()
    # where no record is, there were no policies
    before = read_record(journal.policies) or replace(spec, policies=None)
    return reach_change(before, spec)


def begin(result: BuildComparison, around: Surroundings) -> None:
    """Writes down what is about to be deployed. Raises: OSError, StateError."""
    workspace = result.workspace
    with workspace.locked():
        journal = read_journal(workspace.file) or DeployJournal()
        if journal.begun(around.build) != journal:
            write_journal(workspace.file, journal.begun(around.build))


def keep(
    result: BuildComparison, around: Surroundings, good: Iterable[str], gone: Iterable[str]
) -> None:
    """Writes down what was deployed and taken down. Raises: OSError, StateError."""
    workspace = result.workspace
    with workspace.locked():
        journal = read_journal(workspace.file) or DeployJournal()
        names = [name for name in good if name in result.plan.nodes]
        after = journal.without(gone)
        if names:
            after = after.deployed(around.build, around.files, result.plan, names)
        if after != journal:
            write_journal(workspace.file, after)

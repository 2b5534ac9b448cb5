"""The build pipeline: one topology file on its way to proven configurations, stage by stage.

    read → analyse → keys → plan → render → prove → write

Whoever needs less asks for less: a picture ends with `plan` (`plan_file`), a deploy with `render`
(`compare_file`), and only `compile_file` goes the whole way. Nothing is written unless all of it
is good. The stages are those of `stages.py`; `check.py` takes them without keys and disk.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from meshc.build.acceptance import settled
from meshc.build.changes import ChangeSet
from meshc.build.garbage import without_gc
from meshc.build.git_exposure import warn_of_exposure
from meshc.build.stages import Progress, Stages
from meshc.build.worker import InlineWorker, Worker
from meshc.build.workspace import Workspace
from meshc.diagnostics import Diagnostic
from meshc.keystore.ring import made_up, without_keys
from meshc.render.manifest import ManifestEntry
from meshc.topology.obligations.reach import ReachChange
from meshc.topology.planner.mesh_plan import MeshPlan
from meshc.topology.planner.routing.routing import Routing
from meshc.topology.proof import Verdict
from meshc.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """A finished build. `written` is false for a dry run.

    `kept` are files that others had changed and that were set aside or left; `keyless` are the
    nodes whose file has no PrivateKey line, because the key is kept on the node.
    """

    workspace: Workspace
    out: Path
    plan: MeshPlan
    routing: Routing
    verdict: Verdict
    findings: tuple[Diagnostic, ...]
    files: tuple[ManifestEntry, ...]
    changes: ChangeSet
    reach: ReachChange
    new_keys: tuple[str, ...]
    keyless: tuple[str, ...]
    kept: tuple[str, ...]
    written: bool


@dataclass(frozen=True, slots=True)
class BuildComparison:
    """A plan and the build directory `out`: `changes` is what a build would make different."""

    workspace: Workspace
    out: Path
    plan: MeshPlan
    changes: ChangeSet


def compile_file(
    path: str | Path,
    *,
    out: str | Path | None = None,
    dry_run: bool = False,
    new_lock: bool = False,
    plain_keys: bool = False,
    progress: Progress | None = None,
    worker: Worker | None = None,
) -> BuildResult:
    """Builds a topology file into `out` (default: `build/` beside it).

    `new_lock` says that a lock file that is gone was not lost, `plain_keys` that keys lie in the
    clear whatever the file says. `worker` may be a process that is reading the file already.
    Raises: Refused with all findings, StateError, OSError. Then nothing has been written.
    """
    workspace = Workspace(Path(path), plain_keys)
    stages = Stages(worker or _reading(workspace), progress)
    with ExitStack() as stack:
        stages.begin(workspace, stack)
        source = stages.read(workspace)
        analysis = stages.analyse(source)
        target = stages.open(workspace, out, source.spec, stack, write=not dry_run)
        ring, store = stages.keys(workspace, source, new_lock=new_lock)
        plan = stages.plan(source, analysis, ring)
        emission = stages.render(plan, ring, target, write=not dry_run)
        verdict = stages.prove(analysis, emission.files())
        stages.diagnostics.barrier()
        if not dry_run:
            # not before the proof: a build that is refused has made nothing
            ring.store(store)
            secret = ring.secret.fingerprint()
            lock = analysis.allocation.new_lock(source.lock, ring.public, secret)
            stages.write(workspace, lock, target)
            warn_of_exposure(target.path, emission.entries(), stages.diagnostics)
        return BuildResult(
            workspace=workspace,
            out=target.path,
            plan=plan,
            routing=analysis.routing,
            verdict=verdict,
            findings=tuple(settled(stages.diagnostics.sorted(), source.spec, whole=True)),
            files=emission.entries(),
            changes=emission.changes(),
            reach=emission.reach(),
            new_keys=ring.new,
            keyless=tuple(without_keys(analysis.spec, ring.public)),
            kept=tuple(target.kept),
            written=not dry_run,
        )


def compare_file(path: str | Path, *, out: str | Path | None = None) -> BuildComparison:
    """What a build of `path` into `out` would change; nothing is proven and nothing written.

    Files that would not change were proven when they were written.
    Raises: Refused, StateError, OSError.
    """
    workspace = Workspace(Path(path))
    stages = Stages(_reading(workspace))
    with ExitStack() as stack:
        stages.begin(workspace, stack)
        source = stages.read(workspace)
        analysis = stages.analyse(source)
        target = stages.open(workspace, out, source.spec, stack, write=False)
        ring, _ = stages.keys(workspace, source)
        plan = stages.plan(source, analysis, ring)
        emission = stages.render(plan, ring, target, write=False)
        for _file in emission.files():
            pass
        return BuildComparison(workspace, target.path, plan, emission.changes())


def plan_file(path: str | Path) -> MeshPlan:
    """The plan of a topology file with made-up keys, for who looks at it only.

    Raises: Refused, StateError, OSError.
    """
    workspace = Workspace(Path(path))
    stages = Stages(_reading(workspace))
    with without_gc():
        source = stages.read(workspace)
        return stages.plan(source, stages.analyse(source), made_up(source.spec, source.lock))


def _reading(workspace: Workspace) -> Worker:
    worker = InlineWorker()
    worker.read(workspace.file)
    return worker

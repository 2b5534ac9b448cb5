"""One file to proven configurations: the whole way, and nothing written unless all of it is good.

validate → allocate → keys → plan → render → read back → prove → write
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from meshc.build.aside import Aside
from meshc.build.changes import ChangeSet
from meshc.build.companion import Companion, LocalCompanion
from meshc.build.directory import BuildDirectory
from meshc.build.emission import Emission
from meshc.build.garbage import without_gc
from meshc.build.proof_findings import placed
from meshc.build.workspace import Workspace, exclusive
from meshc.diagnostics import Diagnostic, Diagnostics
from meshc.errors import Refused
from meshc.files import read_regular, write_atomic
from meshc.keystore.ring import KeyRing, Recorded, gather, without_keys
from meshc.render.manifest import Entry
from meshc.topology.language.spec import Spec
from meshc.topology.planner.addressing.lock_text import Lock, format_lock, parse_lock
from meshc.topology.planner.analysis import Analysis, analyse
from meshc.topology.planner.mesh_plan import MeshPlan
from meshc.topology.planner.planning import plan_mesh
from meshc.topology.planner.routing.routing import Routing
from meshc.topology.proof import Verdict
from meshc.values import dataclass

# Called with the stage, how much of it is done, and of how much (0: not known).
Progress = Callable[[str, int, int], None]


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
    files: tuple[Entry, ...]
    changes: ChangeSet
    new_keys: tuple[str, ...]
    keyless: tuple[str, ...]
    kept: tuple[str, ...]
    written: bool


def compile_file(
    path: str | Path,
    *,
    out: str | Path | None = None,
    dry_run: bool = False,
    ephemeral_keys: bool = False,
    progress: Progress | None = None,
    companion: Companion | None = None,
) -> BuildResult:
    """Builds a topology file into `out` (default: `build/` beside it).

    A dry run does everything but write. `ephemeral_keys` makes up the keys that are not here, to
    prove a network without its secrets; it implies a dry run. `companion` may have been
    started ahead, in a process of its own, and be reading the file already; by default this
    process does all the work.
    Raises: Refused with all findings, StateError, OSError. Then nothing has been written.
    """
    workspace = Workspace(Path(path))
    dry_run = dry_run or ephemeral_keys
    target_path = Path(out) if out is not None else workspace.build
    tell = progress or _silent
    with ExitStack() as stack:
        stack.enter_context(without_gc())
        stack.enter_context(workspace.locked(lambda: tell("waiting for another run", 0, 0)))
        diagnostics = Diagnostics()
        if companion is None:
            companion = LocalCompanion()
            companion.read(workspace.file)
        analysis, lock = _analysed(workspace, companion, diagnostics, tell)
        target = _opened(target_path, workspace, analysis.spec, stack, dry_run=dry_run)
        tell("keys", 0, 0)
        store = workspace.keys(analysis.spec.network.name)
        known = recorded_keys(lock)
        ring = gather(analysis.spec, store, known, diagnostics, ephemeral=ephemeral_keys)
        diagnostics.barrier()
        tell("plan", 0, 0)
        plan = _planned(analysis, lock, ring, diagnostics)
        emission = Emission(plan, ring.secrets, target, write=not dry_run, progress=progress)
        # beside the first files: durable means flushing what was written so far, and a key that
        # exists is as good for the next build should this one be refused
        stored = Aside(lambda: None if dry_run else ring.store(store))
        stack.callback(stored.wait)
        verdict = _proven(emission, companion, analysis, ring, tell)
        stored.finish()
        diagnostics.extend(list(placed(verdict.findings, analysis.spec, diagnostics)))
        diagnostics.barrier()
        if not dry_run:
            tell("writing", 0, 0)
            write_lock(workspace.lock_file, analysis.allocation.new_lock(lock, ring.public))
            target.commit()
        return BuildResult(
            workspace=workspace,
            out=target_path,
            plan=plan,
            routing=analysis.routing,
            verdict=verdict,
            findings=tuple(diagnostics.sorted()),
            files=emission.entries(),
            changes=emission.changes(),
            new_keys=ring.new,
            keyless=tuple(without_keys(analysis.spec, ring.public)),
            kept=tuple(target.kept),
            written=not dry_run,
        )


def read_lock(path: Path, diagnostics: Diagnostics) -> Lock:
    """The lock file, or an empty lock. Raises: Refused when it is damaged, StateError."""
    content = read_regular(path)
    if content is None:
        return Lock()
    lock = parse_lock(content.decode("utf-8", "replace"), str(path), diagnostics)
    if lock is None:
        raise Refused(diagnostics.sorted())
    return lock


def write_lock(path: Path, lock: Lock) -> bool:
    """Writes the lock file if it differs from what is there. Raises: OSError, StateError."""
    content = format_lock(lock).encode()
    if read_regular(path) == content:
        return False
    write_atomic(path, content)
    return True


def recorded_keys(lock: Lock) -> Recorded:
    """What the lock file knows about keys."""
    public = {name: n.public_key for name, n in lock.nodes.items() if n.public_key is not None}
    return Recorded(public, frozenset(lock.revoked))


def _analysed(
    workspace: Workspace, companion: Companion, diagnostics: Diagnostics, tell: Progress
) -> tuple[Analysis, Lock]:
    """The file and its lock, and what they mean. Raises: Refused, StateError."""
    tell("reading", 0, 0)
    spec, found = companion.topology()
    diagnostics.extend(found)
    lock = read_lock(workspace.lock_file, diagnostics)
    tell("analysis", 0, 0)
    analysis = analyse(spec, lock, diagnostics)
    diagnostics.barrier()
    return analysis, lock


def _opened(
    path: Path, workspace: Workspace, spec: Spec, stack: ExitStack, *, dry_run: bool
) -> BuildDirectory:
    """The build directory, ours alone until the stack unwinds. Raises: StateError."""
    # the workspace's own directory is locked already
    if not dry_run and path.is_dir() and not path.samefile(workspace.directory):
        stack.enter_context(exclusive(path))
    target = BuildDirectory(path, topology=workspace.file.name, network=spec.network.name)
    stack.enter_context(target.staging())
    return target


def _planned(analysis: Analysis, lock: Lock, ring: KeyRing, diagnostics: Diagnostics) -> MeshPlan:
    plan = plan_mesh(
        analysis.spec,
        analysis.graph,
        analysis.allocation,
        ring.public,
        lock.epoch,
        diagnostics,
        routing=analysis.routing,
    )
    diagnostics.barrier()
    return plan


def _proven(
    emission: Emission, companion: Companion, analysis: Analysis, ring: KeyRing, tell: Progress
) -> Verdict:
    """Emits all files and has every packet walked through what is read back from them."""
    companion.expect(ring.public, analysis.allocation.addresses)
    for emitted in emission.files():
        companion.take(emitted)
    tell("proof", 0, 0)
    return companion.verdict()


def _silent(stage: str, done: int, total: int) -> None:
    """Nobody wants to know."""

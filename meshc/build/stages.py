"""The stages of a build, each to be asked for by itself.

What a stage needs is imported when it runs: who asks for fewer of them starts faster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from meshc.build.garbage import without_gc
from meshc.build.worker import Promises
from meshc.build.workspace import exclusive
from meshc.diagnostics import Diagnostics
from meshc.topology.language.spec import Spec
from meshc.topology.planner.addressing.lock import Lock
from meshc.values import dataclass

if TYPE_CHECKING:
    from meshc.build.directory import BuildDirectory
    from meshc.build.emission import Emission
    from meshc.build.worker import EmittedFile, Worker
    from meshc.build.workspace import Workspace
    from meshc.keystore.ring import KeyRing
    from meshc.keystore.store import KeyStore
    from meshc.topology.planner.analysis import Analysis
    from meshc.topology.planner.mesh_plan import MeshPlan
    from meshc.topology.proof import Verdict

# Called with the stage, how much of it is done, and of how much (0: not known).
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class SourceFiles:
    """What the topology file and the lock file beside it say."""

    spec: Spec
    lock: Lock


class Stages:
    """Each stage by itself. What it finds goes into `diagnostics`; with errors there, all but
    `prove` raise Refused."""

    def __init__(self, worker: Worker, progress: Progress | None = None) -> None:
        self.diagnostics = Diagnostics()
        self._worker = worker
        self._progress = progress

    def begin(self, workspace: Workspace, stack: ExitStack) -> None:
        """Holds the workspace, and the garbage collector, until the stack unwinds."""
        stack.enter_context(without_gc())
        stack.enter_context(workspace.locked(lambda: self._tell("waiting for another run")))

    def read(self, workspace: Workspace) -> SourceFiles:
        """Raises: Refused, StateError, OSError."""
        from meshc.build.lock_file import read_lock

        self._tell("reading")
        spec, found = self._worker.topology()
        self.diagnostics.extend(found)
        return SourceFiles(spec, read_lock(workspace.lock_file, self.diagnostics))

    def analyse(self, source: SourceFiles) -> Analysis:
        """Links, paths, addresses, and every rule of the network."""
        from meshc.topology.planner.analysis import analyse

        self._tell("analysis")
        analysis = analyse(source.spec, source.lock, self.diagnostics)
        self.diagnostics.barrier()
        return analysis

    def open(
        self,
        workspace: Workspace,
        out: str | Path | None,
        spec: Spec,
        stack: ExitStack,
        *,
        write: bool,
    ) -> BuildDirectory:
        """The build directory, ours alone until the stack unwinds. Raises: StateError."""
        from meshc.build.directory import BuildDirectory

        path = Path(out) if out is not None else workspace.build
        # the workspace's own directory is locked already
        if write and path.is_dir() and not path.samefile(workspace.directory):
            stack.enter_context(exclusive(path))
        target = BuildDirectory(path, topology=workspace.file.name, network=spec.network.name)
        stack.enter_context(target.staging())
        return target

    def keys(
        self, workspace: Workspace, source: SourceFiles, *, new_lock: bool = False
    ) -> tuple[KeyRing, KeyStore]:
        """Every node's key, and the store for those that are new. `new_lock` says that a lock file
        that is gone was not lost. Raises: StateError."""
        from meshc.build.lock_file import require_lock
        from meshc.keystore.ring import gather, recorded

        self._tell("keys")
        store = workspace.keys(source.spec.network.name, source.spec.keys)
        if not new_lock:
            require_lock(workspace.lock_file, store, self.diagnostics)
        if source.spec.keys.store == "age":
            from meshc.build.key_sealing import check_recipients

            check_recipients(source.spec, store.directory, self.diagnostics)
        ring = gather(source.spec, store, recorded(source.lock), self.diagnostics)
        self.diagnostics.barrier()
        return ring, store

    def plan(self, source: SourceFiles, analysis: Analysis, ring: KeyRing) -> MeshPlan:
        """What every node must have."""
        from meshc.render.scan_room import check_scan_room
        from meshc.topology.planner.planning import plan_mesh

        self._tell("plan")
        self._worker.promise(Promises(ring.public, analysis.allocation.addresses))
        plan = plan_mesh(
            analysis.spec,
            analysis.graph,
            analysis.allocation,
            ring.public,
            source.lock.epoch,
            self.diagnostics,
            routing=analysis.routing,
        )
        check_scan_room(plan, ring.secrets, self.diagnostics)
        self.diagnostics.barrier()
        return plan

    def render(
        self, plan: MeshPlan, ring: KeyRing, target: BuildDirectory, *, write: bool
    ) -> Emission:
        """The files, which are made one node at a time while `files()` is consumed."""
        from meshc.build.emission import Emission

        return Emission(plan, ring.secrets, target, write=write, progress=self._progress)

    def rehearse(self, plan: MeshPlan, ring: KeyRing) -> Iterator[EmittedFile]:
        """The files of `render` in memory, for the proof alone."""
        from meshc.build.worker import EmittedFile
        from meshc.render.node_files import MeshRenderer
        from meshc.topology.proof import is_router_script, output_name

        renderer = MeshRenderer(plan, ring.secrets)
        for node in plan.nodes.values():
            files = [
                EmittedFile(node.name, one.path, "", one.content) for one in renderer.node(node)
            ]
            script = next((one for one in files if is_router_script(one.file)), None)
            outputs = tuple(one for one in files if output_name(one.file) is not None)
            for conf in files[:1]:
                yield conf._replace(script=script, outputs=outputs)

    def prove(self, analysis: Analysis, files: Iterable[EmittedFile]) -> Verdict:
        """Every packet walked through what is read back. Errors are left to who asked.

        Raises: ConfError, OSError.
        """
        from meshc.build.proof_findings import placed

        verdict = self._worker.prove(self._all(files))
        found = placed(verdict.findings, analysis.spec, self.diagnostics)
        self.diagnostics.extend(list(found))
        return verdict

    def write(self, workspace: Workspace, lock: Lock, target: BuildDirectory) -> None:
        """The lock file, then everything that is staged. Raises: OSError, StateError."""
        from meshc.build.lock_file import write_lock

        self._tell("writing")
        write_lock(workspace.lock_file, lock)
        target.commit()

    def _all(self, files: Iterable[EmittedFile]) -> Iterator[EmittedFile]:
        yield from files
        self._tell("proof")

    def _tell(self, stage: str) -> None:
        if self._progress is not None:
            self._progress(stage, 0, 0)

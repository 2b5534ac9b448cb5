"""A plan becomes files: rendered, staged and compared with what is there, one node at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from meshc.build.changes import (
    UNTOLD,
    ChangeKind,
    ChangeSet,
    ConfChange,
    NodeChange,
    compare,
    node_change,
)
from meshc.build.directory import BuildDirectory, Staged
from meshc.build.worker import EmittedFile
from meshc.errors import ConfError
from meshc.render.artifact import Artifact
from meshc.render.manifest import ManifestEntry
from meshc.render.node_files import REACH_RECORD, MeshRenderer
from meshc.render.node_secrets import Secrets
from meshc.secret import SecretBytes
from meshc.topology.language.spec import Platform
from meshc.topology.obligations.reach import ReachChange, reach_change
from meshc.topology.obligations.reach_record import read_record
from meshc.topology.planner.mesh_plan import MeshPlan
from meshc.topology.proof import is_router_script, output_name
from meshc.values import dataclass, field
from meshc.wg.conf import Conf
from meshc.wg.conf_reader import ConfReader

Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class Emission:
    """One build on its way into a directory.

    `files()` does the work while it is consumed: it yields each node's wg-quick file once that is
    staged. `changes()` and `entries()` are complete after that.
    """

    plan: MeshPlan
    secrets: Secrets
    target: BuildDirectory
    write: bool = True
    progress: Progress | None = None
    _files: dict[str, list[tuple[str, ChangeKind]]] = field(default_factory=dict)
    _confs: dict[str, ConfChange] = field(default_factory=dict)
    _entries: list[ManifestEntry] = field(default_factory=list)
    _reach: ReachChange = ReachChange()
    _reader: ConfReader = field(default_factory=ConfReader)

    def files(self) -> Iterator[EmittedFile]:
        """Stages every file, in the order of the nodes.

        Raises: Refused, StateError, OSError.
        """
        renderer = MeshRenderer(self.plan, self.secrets)
        nodes = [node for node in self.plan.nodes.values() if node.spec.managed]
        for number, node in enumerate(nodes, 1):
            yield self._emit(node.name, renderer.node(node))
            if self.progress is not None:
                self.progress("files", number, len(nodes))
        self._note("", self._stage(renderer.hosts()))
        self._reach = self._stage_policies(renderer)
        self._finish()
        for entry in self.target.stale():
            self._files.setdefault(entry.node, []).append((entry.path, ChangeKind.REMOVED))
        self.target.seal()

    def _finish(self) -> None:
        """Before the manifest is made."""

    def changes(self) -> ChangeSet:
        """What differs from the files that were there before."""
        nodes: list[NodeChange] = []
        for name, files in sorted(self._files.items()):
            if name:
                node = self.plan.nodes.get(name)
                platform = node.spec.platform if node else Platform.LINUX
                nodes.append(node_change(name, platform, files, self._confs.get(name)))
        return ChangeSet(tuple(nodes), tuple(path for path, _ in sorted(self._files.get("", []))))

    def reach(self) -> ReachChange:
        """What this build opens and closes; nothing for a first one."""
        return self._reach

    def _stage_policies(self, renderer: MeshRenderer) -> ReachChange:
        spec, path = self.plan.spec, REACH_RECORD
        old = self.target.read_old(path) if path in self.target.before.files else None
        artifact = renderer.policies()
        if artifact is not None:
            self._note("", self._stage(artifact))
        if not self.target.before.files or (old is None and artifact is None):
            return ReachChange()
        if artifact is not None and artifact.content.reveal() == old:
            return ReachChange()
        # where no record is, there were no policies
        before = read_record(old.decode(errors="replace")) if old is not None else None
        return reach_change(before or replace(spec, policies=None), spec)

    def entries(self) -> tuple[ManifestEntry, ...]:
        """The manifest's entries, sorted by path."""
        return tuple(sorted(self._entries))

    def _emit(self, name: str, artifacts: tuple[Artifact, ...]) -> EmittedFile:
        """A node's files, its wg-quick file first."""
        staged = [self._stage(artifact) for artifact in artifacts]
        for one in staged:
            self._note(name, one)
        conf, content = staged[0], artifacts[0].content
        if conf.existed and not conf.same:
            self._confs[name] = self._difference(conf.entry.path, content.reveal())
        elif conf.untold and conf.entry.path in self.target.before.files:
            self._confs[name] = UNTOLD
        script, outputs = None, []
        for one, artifact in zip(staged, artifacts, strict=True):
            if is_router_script(artifact.path):
                script = self._emitted(name, one, artifact.content)
            elif output_name(artifact.path) is not None:
                outputs.append(self._emitted(name, one, artifact.content))
        whole = self._emitted(name, conf, content)
        return whole._replace(script=script, outputs=tuple(outputs))

    def _emitted(self, name: str, staged: Staged, content: SecretBytes) -> EmittedFile:
        if self.write:
            return EmittedFile(name, staged.entry.path, self.target.place(staged))
        return EmittedFile(name, staged.entry.path, "", content)

    def _stage(self, artifact: Artifact) -> Staged:
        return self.target.stage(artifact, write=self.write)

    def _note(self, name: str, staged: Staged) -> None:
        self._entries.append(staged.entry)
        if not staged.same or staged.untold:
            # what a completed build never wrote is new, whatever a killed one left in its place
            known = staged.entry.path in self.target.before.files
            old = known if staged.untold else staged.existed
            kind = ChangeKind.CHANGED if old else ChangeKind.ADDED
            self._files.setdefault(name, []).append((staged.entry.path, kind))

    def _difference(self, path: str, content: bytes) -> ConfChange:
        """A file that cannot be read any more counts as changed in everything."""
        new = self._reader.read(content.decode(), file=path)
        try:
            old = self._reader.read((self.target.read_old(path) or b"").decode())
        except (ConfError, UnicodeDecodeError):
            old = Conf()
        return compare(old, new)

"""A plan becomes files: rendered, staged, read back and compared, one node at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from meshc.conf import Conf, ConfReader, PeerTable, parse
from meshc.errors import ConfError
from meshc.render.artifact import Artifact
from meshc.render.manifest import Entry
from meshc.render.secrets import Secrets
from meshc.topology.plan import MeshPlan
from meshc.topology.spec import Platform
from meshc.workspace.ahead import Ahead, can_fork
from meshc.workspace.build_directory import BuildDirectory, Staged
from meshc.workspace.changes import ChangeSet, ConfChange, Kind, NodeChange, compare, node_change

# Below this many peer sections a second process costs more than it saves.
MANY_SECTIONS = 10_000

Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class Emission:
    """One build on its way into a directory.

    `start()` may begin the work, `confs()` does it while it is consumed: it yields each node's
    name and its wg-quick file as read back. `changes()` is complete after that.
    """

    plan: MeshPlan
    secrets: Secrets
    target: BuildDirectory
    write: bool = True
    progress: Progress | None = None
    _files: dict[str, list[tuple[str, Kind]]] = field(default_factory=dict)
    _confs: dict[str, ConfChange | None] = field(default_factory=dict)
    _entries: list[Entry] = field(default_factory=list)
    _ahead: Ahead[tuple[str, tuple[Staged, ...]]] | None = None
    _unwritten: bytes = b""

    def start(self) -> None:
        """Begins the work in a second process when there is enough of it; `confs` does the rest.

        What is imported between the two calls is imported while files are already written.
        """
        sections = sum(len(node.peers) for node in self.plan.nodes.values())
        if self.write and sections >= MANY_SECTIONS and can_fork():
            self.target.prepare()
            self._ahead = Ahead(self._stage_all)

    def stop(self) -> None:
        """Ends the second process, if there is one."""
        if self._ahead is not None:
            self._ahead.close()

    def confs(self) -> Iterator[tuple[str, Conf, PeerTable | None]]:
        """Stages every file, and reads each node's wg-quick file back from where it was written:
        its name, the file without peers, and those as a table (see `ConfReader.read_table`).

        Raises: Refused, StateError, OSError.
        """
        reader = ConfReader()
        total = sum(node.spec.managed for node in self.plan.nodes.values())
        for number, (name, staged_files) in enumerate(self._ahead or self._stage_all(), 1):
            for staged in staged_files:
                self._note(staged, adopt=self._ahead is not None)
            if name:
                yield name, *self._read_back(reader, name, staged_files[0])
                if self.progress is not None:
                    self.progress("files", number, total)
        self.stop()
        for entry in self.target.stale():
            self._files.setdefault(entry.node, []).append((entry.path, Kind.REMOVED))

    def conf(self, name: str) -> Conf:
        """One node's file once more, for whoever did not keep it."""
        from meshc.render.mesh import MeshRenderer, conf_path

        node = self.plan.nodes[name]
        text = MeshRenderer(self.plan, self.secrets).node(node)[0].content.decode()
        return parse(text, file=conf_path(node))

    def changes(self) -> ChangeSet:
        """What differs from the files that were there before."""
        nodes: list[NodeChange] = []
        for name, files in sorted(self._files.items()):
            if name:
                node = self.plan.nodes.get(name)
                platform = node.spec.platform if node else Platform.LINUX
                nodes.append(node_change(name, platform, files, self._confs.get(name)))
        return ChangeSet(tuple(nodes), tuple(path for path, _ in sorted(self._files.get("", []))))

    def files(self) -> tuple[Entry, ...]:
        """The manifest's entries, sorted by path."""
        return tuple(sorted(self._entries))

    def _stage_all(self) -> Iterator[tuple[str, tuple[Staged, ...]]]:
        """The staged files of each node, its wg-quick file first; those of the network last."""
        # here: only the process that writes needs the renderers, while the other imports numpy
        from meshc.render.mesh import MeshRenderer

        renderer = MeshRenderer(self.plan, self.secrets)
        for node in self.plan.nodes.values():
            if node.spec.managed:
                artifacts = renderer.node(node)
                if not self.write:
                    self._unwritten = artifacts[0].content
                yield node.name, tuple(self._stage(artifact) for artifact in artifacts)
        yield "", (self._stage(renderer.hosts()),)

    def _stage(self, artifact: Artifact) -> Staged:
        return self.target.stage(artifact, write=self.write)

    def _read_back(
        self, reader: ConfReader, name: str, staged: Staged
    ) -> tuple[Conf, PeerTable | None]:
        content = self.target.read_new(staged) if self.write else self._unwritten
        conf, table = reader.read_table(content.decode(), file=staged.entry.path)
        if staged.existed and not staged.same:
            old = self.target.read_old(staged.entry.path) or b""
            new = conf if table is None else replace(conf, peers=table.peers())
            self._confs[name] = _difference(old, new)
        return conf, table

    def _note(self, staged: Staged, *, adopt: bool) -> None:
        if adopt:
            self.target.adopt(staged)
        self._entries.append(staged.entry)
        if not staged.same:
            kind = Kind.CHANGED if staged.existed else Kind.ADDED
            self._files.setdefault(staged.entry.node, []).append((staged.entry.path, kind))


def _difference(old: bytes, new: Conf) -> ConfChange:
    """A file that cannot be read any more counts as changed in everything."""
    try:
        before = parse(old.decode())
    except (ConfError, UnicodeDecodeError):
        before = Conf()
    return compare(before, new)

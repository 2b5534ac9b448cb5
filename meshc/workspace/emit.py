"""A plan becomes files: rendered, staged and compared with what is there, one node at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from meshc.conf import Conf, ConfReader
from meshc.errors import ConfError
from meshc.render.artifact import Artifact
from meshc.render.manifest import Entry
from meshc.render.mesh import MeshRenderer
from meshc.render.secrets import Secrets
from meshc.topology.plan import MeshPlan, NodePlan
from meshc.topology.spec import Platform
from meshc.values import dataclass, field
from meshc.workspace.ahead import Ahead
from meshc.workspace.build_directory import BuildDirectory, Staged
from meshc.workspace.changes import ChangeSet, ConfChange, Kind, NodeChange, compare, node_change
from meshc.workspace.forking import can_fork
from meshc.workspace.proving import Emitted

# Below this many peer sections a second process costs more than it saves.
MANY_SECTIONS = 10_000

Progress = Callable[[str, int, int], None]


class Done(NamedTuple):
    """The staged files of a node, its wg-quick file first, and how that differs from the one that
    was there. `content` is kept only when nothing is written."""

    name: str
    staged: tuple[Staged, ...]
    change: ConfChange | None = None
    content: bytes | None = None


@dataclass(slots=True)
class Emission:
    """One build on its way into a directory.

    `start()` begins, `files()` does the work while it is consumed: it yields each node's wg-quick
    file once that is staged. `changes()` and `entries()` are complete after that.
    """

    plan: MeshPlan
    secrets: Secrets
    target: BuildDirectory
    write: bool = True
    progress: Progress | None = None
    _files: dict[str, list[tuple[str, Kind]]] = field(default_factory=dict)
    _confs: dict[str, ConfChange] = field(default_factory=dict)
    _entries: list[Entry] = field(default_factory=list)
    _reader: ConfReader = field(default_factory=ConfReader)
    _renderer: MeshRenderer = field(init=False)
    _ahead: Ahead[Done] | None = None

    def start(self) -> None:
        """Begins with most of a large build's files in another process; `files` does the rest."""
        self._renderer = MeshRenderer(self.plan, self.secrets)
        nodes = self._nodes()
        sections = sum(len(node.peers) for node in nodes)
        if self.write and sections >= MANY_SECTIONS and can_fork():
            self.target.prepare()
            theirs = [node for number, node in enumerate(nodes) if _is_ahead(number)]
            self._ahead = Ahead(lambda: map(self._make, theirs))

    def stop(self) -> None:
        """Ends the other process, if there is one."""
        if self._ahead is not None:
            self._ahead.close()

    def files(self) -> Iterator[Emitted]:
        """Stages every file, in the order of the nodes; `start` first.

        Raises: Refused, StateError, OSError.
        """
        nodes = self._nodes()
        for number, done in enumerate(self._made(nodes), 1):
            self._note(done)
            file = done.staged[0].entry.path
            place = self.target.place(done.staged[0]) if self.write else ""
            yield Emitted(done.name, file, place, done.content)
            if self.progress is not None:
                self.progress("files", number, len(nodes))
        self.stop()
        self._note(Done("", (self._stage(self._renderer.hosts()),)))
        for entry in self.target.stale():
            self._files.setdefault(entry.node, []).append((entry.path, Kind.REMOVED))

    def changes(self) -> ChangeSet:
        """What differs from the files that were there before."""
        nodes: list[NodeChange] = []
        for name, files in sorted(self._files.items()):
            if name:
                node = self.plan.nodes.get(name)
                platform = node.spec.platform if node else Platform.LINUX
                nodes.append(node_change(name, platform, files, self._confs.get(name)))
        return ChangeSet(tuple(nodes), tuple(path for path, _ in sorted(self._files.get("", []))))

    def entries(self) -> tuple[Entry, ...]:
        """The manifest's entries, sorted by path."""
        return tuple(sorted(self._entries))

    def _nodes(self) -> list[NodePlan]:
        return [node for node in self.plan.nodes.values() if node.spec.managed]

    def _made(self, nodes: list[NodePlan]) -> Iterator[Done]:
        theirs = iter(self._ahead) if self._ahead is not None else None
        for number, node in enumerate(nodes):
            if theirs is None or not _is_ahead(number):
                yield self._make(node)
                continue
            done = next(theirs)
            for staged in done.staged:
                self.target.adopt(staged)
            yield done

    def _make(self, node: NodePlan) -> Done:
        artifacts = self._renderer.node(node)
        staged = tuple(self._stage(artifact) for artifact in artifacts)
        conf, content = staged[0], artifacts[0].content
        differs = conf.existed and not conf.same
        change = self._difference(conf.entry.path, content) if differs else None
        return Done(node.name, staged, change, None if self.write else content)

    def _stage(self, artifact: Artifact) -> Staged:
        return self.target.stage(artifact, write=self.write)

    def _note(self, done: Done) -> None:
        for staged in done.staged:
            self._entries.append(staged.entry)
            if not staged.same:
                kind = Kind.CHANGED if staged.existed else Kind.ADDED
                self._files.setdefault(done.name, []).append((staged.entry.path, kind))
        if done.change is not None:
            self._confs[done.name] = done.change

    def _difference(self, path: str, content: bytes) -> ConfChange:
        """A file that cannot be read any more counts as changed in everything."""
        new = self._reader.read(content.decode(), file=path)
        try:
            old = self._reader.read((self.target.read_old(path) or b"").decode())
        except (ConfError, UnicodeDecodeError):
            old = Conf()
        return compare(old, new)


def _is_ahead(number: int) -> bool:
    """Three of five nodes go to the other process: this one has the keys to store as well."""
    return number % 5 in (1, 3, 4)

"""A plan becomes files: rendered, staged and compared with what is there, one node at a time."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from meshc.conf import Conf, ConfReader
from meshc.errors import ConfError
from meshc.render.artifact import Artifact
from meshc.render.manifest import Entry
from meshc.render.mesh import MeshRenderer
from meshc.render.secrets import Secrets
from meshc.topology.plan import MeshPlan, NodePlan
from meshc.topology.spec import Platform
from meshc.workspace.ahead import Ahead
from meshc.workspace.build_directory import BuildDirectory, Staged
from meshc.workspace.changes import ChangeSet, ConfChange, Kind, NodeChange, compare, node_change
from meshc.workspace.forking import can_fork
from meshc.workspace.prover import Emitted

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

    `files()` does the work while it is consumed: it yields each node's wg-quick file once that is
    staged. `changes()` and `entries()` are complete after that.
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

    def files(self) -> Iterator[Emitted]:
        """Stages every file, in the order of the nodes. Raises: Refused, StateError, OSError."""
        nodes = [node for node in self.plan.nodes.values() if node.spec.managed]
        with closing(self._made(nodes)) as made:
            for number, done in enumerate(made, 1):
                self._note(done)
                file = done.staged[0].entry.path
                place = self.target.place(done.staged[0]) if self.write else ""
                yield Emitted(done.name, file, place, done.content)
                if self.progress is not None:
                    self.progress("files", number, len(nodes))
        self._note(Done("", (self._stage(MeshRenderer(self.plan, self.secrets).hosts()),)))
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

    def _made(self, nodes: list[NodePlan]) -> Generator[Done]:
        """Renders and stages all nodes; with many of them, every second one in another process."""
        renderer = MeshRenderer(self.plan, self.secrets)
        sections = sum(len(node.peers) for node in nodes)
        if not self.write or sections < MANY_SECTIONS or not can_fork():
            for node in nodes:
                yield self._make(renderer, node)
            return
        self.target.prepare()
        with closing(Ahead(lambda: (self._make(renderer, node) for node in nodes[1::2]))) as ahead:
            theirs = iter(ahead)
            for node in nodes[::2]:
                yield self._make(renderer, node)
                for done in islice(theirs, 1):
                    for staged in done.staged:
                        self.target.adopt(staged)
                    yield done

    def _make(self, renderer: MeshRenderer, node: NodePlan) -> Done:
        artifacts = renderer.node(node)
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

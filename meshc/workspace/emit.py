"""A plan becomes files: rendered, staged, read back and compared, one node at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from meshc.conf import Conf, ConfReader, parse
from meshc.errors import ConfError
from meshc.render import Secrets
from meshc.render.manifest import Entry
from meshc.render.mesh import MeshRenderer, conf_path
from meshc.topology.plan import MeshPlan, NodePlan
from meshc.topology.spec import Platform
from meshc.workspace.build_directory import BuildDirectory, Staged
from meshc.workspace.changes import ChangeSet, ConfChange, Kind, NodeChange, compare, node_change

Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class Emission:
    """One build on its way into a directory.

    `confs()` does the work while it is consumed: it yields each node's name and its wg-quick file
    as read back. `changes()` is complete after that.
    """

    plan: MeshPlan
    secrets: Secrets
    target: BuildDirectory
    write: bool = True
    progress: Progress | None = None
    _files: dict[str, list[tuple[str, Kind]]] = field(default_factory=dict)
    _confs: dict[str, ConfChange | None] = field(default_factory=dict)
    _entries: list[Entry] = field(default_factory=list)

    def confs(self) -> Iterator[tuple[str, Conf]]:
        """Stages every file. Raises: Refused, StateError."""
        renderer, reader = MeshRenderer(self.plan, self.secrets), ConfReader()
        nodes = [node for node in self.plan.nodes.values() if node.spec.managed]
        for number, node in enumerate(nodes, 1):
            yield node.name, self._node(renderer, reader, node)
            if self.progress is not None:
                self.progress("files", number, len(nodes))
        self._note(self.target.stage(renderer.hosts(), write=self.write))
        for entry in self.target.stale():
            self._files.setdefault(entry.node, []).append((entry.path, Kind.REMOVED))

    def conf(self, name: str) -> Conf:
        """One node's file once more, for whoever did not keep it."""
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

    def _node(self, renderer: MeshRenderer, reader: ConfReader, node: NodePlan) -> Conf:
        conf, *others = renderer.node(node)
        staged = self.target.stage(conf, write=self.write)
        self._note(staged)
        for artifact in others:
            self._note(self.target.stage(artifact, write=self.write))
        read = reader.read(conf.content.decode(), file=conf.path)
        if staged.old is not None and not staged.same:
            self._confs[node.name] = _difference(staged.old, read)
        return read

    def _note(self, staged: Staged) -> None:
        self._entries.append(staged.entry)
        if not staged.same:
            kind = Kind.ADDED if staged.old is None else Kind.CHANGED
            self._files.setdefault(staged.entry.node, []).append((staged.entry.path, kind))


def _difference(old: bytes, new: Conf) -> ConfChange:
    """A file that cannot be read any more counts as changed in everything."""
    try:
        before = parse(old.decode())
    except (ConfError, UnicodeDecodeError):
        before = Conf()
    return compare(before, new)

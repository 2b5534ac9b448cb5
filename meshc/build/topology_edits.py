"""Day two: nodes are added, removed, renamed, switched off and on, in the file as it was written.

A change is made to the text, the whole topology is read again, and only then are files written. A
rename keeps key, address and lock; it can be run again where it was killed.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from meshc.build.lock_file import read_lock, write_lock
from meshc.build.topology_file import files_beside, today, topology_content
from meshc.build.workspace import Workspace
from meshc.diagnostics import Diagnostics
from meshc.errors import Refused, StateError
from meshc.files import write_atomic
from meshc.topology.language.edit import edited
from meshc.topology.language.edit.edited import Uneditable
from meshc.topology.language.load import load_spec
from meshc.topology.language.read.includes import Unopened
from meshc.topology.language.read.source_text import MAX_BYTES
from meshc.topology.language.spec import KeysSpec, Spec
from meshc.topology.planner.addressing.lock import Lock
from meshc.values import dataclass


@dataclass(frozen=True, slots=True)
class TopologyFiles:
    """The texts of a topology by their paths, the main file first."""

    texts: Mapping[Path, str]

    def home(self, name: str) -> Path:
        """The file that has the node. Raises: StateError."""
        for path, text in self.texts.items():
            if edited.has(text, ("nodes", name)):
                return path
        raise StateError(f"there is no node {name!r}", hint=f"there are: {_some(self.names())}")

    def names(self) -> list[str]:
        return sorted({name for text in self.texts.values() for name in edited.nodes(text)})


@dataclass(frozen=True, slots=True)
class TopologyEdit:
    """A change: the texts before, those that change, what they mean then, and in sentences what was
    done besides."""

    before: Mapping[Path, str]
    after: Mapping[Path, str]
    spec: Spec
    said: tuple[str, ...] = ()

    def patch(self) -> str:
        """As `diff -u` shows it."""
        return "".join(
            line if line.endswith("\n") else f"{line}\n"
            for path, text in self.after.items()
            for line in difflib.unified_diff(
                self.before[path].splitlines(keepends=True),
                text.splitlines(keepends=True),
                str(path),
                str(path),
            )
        )


def add(file: Path, name: str, settings: str, *, write: bool = True) -> TopologyEdit:
    """A new node with `settings`, a YAML mapping on one line. Raises: Refused, StateError."""
    return add_all(file, {name: settings}, write=write)


def add_all(
    file: Path, nodes: Mapping[str, str], *, group: str = "", write: bool = True
) -> TopologyEdit:
    """New nodes with their settings, members of `group` where one is named, which is made if there
    is none. Raises: Refused, StateError."""

    def change(files: TopologyFiles) -> dict[Path, str]:
        texts, there, main = dict(files.texts), files.names(), next(iter(files.texts))
        home = next((p for p, t in texts.items() if edited.has(t, ("groups", group))), main)
        for name, settings in nodes.items():
            if name in there:
                raise StateError(f"there is a node {name!r} already", hint="choose another name")
            texts[main] = done(edited.with_entry(texts[main], "nodes", name, settings), main)
            if group:
                texts[home] = done(edited.with_member(texts[home], group, name), home)
        return texts

    return _edit(file, change, write=write)


def switch(file: Path, names: Iterable[str], *, enabled: bool, write: bool = True) -> TopologyEdit:
    """Nodes are left out of the network, or come back. Raises: Refused, StateError."""

    def change(files: TopologyFiles) -> dict[Path, str]:
        texts = dict(files.texts)
        for name in names:
            path = files.home(name)
            word = "true" if enabled else "false"
            texts[path] = done(edited.with_key(texts[path], ("nodes", name), "enabled", word), path)
        return texts

    return _edit(file, change, write=write)


def remove(file: Path, names: Iterable[str], *, write: bool = True) -> TopologyEdit:
    """Nodes leave, and so does what is said about them alone: their places in lists, their links
    and tests. Raises: Refused, StateError where another node could not do without them."""

    def change(files: TopologyFiles) -> dict[Path, str]:
        texts = dict(files.texts)
        for name in names:
            home = files.home(name)
            texts[home] = done(edited.without(texts[home], ("nodes", name)), home)
            for path in texts:
                texts[path] = _forgotten(texts[path], name, path)
        return texts

    return _edit(file, change, write=write)


def change_topology(file: Path, change: Callable[[str], str]) -> TopologyEdit:
    """The main file with its text changed, read again and written. Raises: Refused, StateError."""
    return _edit(file, lambda files: {file: change(files.texts[file])}, write=True)


def rename(file: Path, old: str, new: str, *, write: bool = True) -> TopologyEdit:
    """The node keeps its key, its address and its place in the lock file. Raises: Refused,
    StateError, OSError."""
    workspace = Workspace(file)
    with workspace.locked():
        diagnostics = Diagnostics()
        lock = read_lock(workspace.lock_file, diagnostics)
        files = read_topology(file, sound=False)
        name = edited.network(files.texts[file], "name")
        store = workspace.keys(name, _key_settings(files.texts[file]))
        key = store.read([old]).get(old)
        edit = _renamed(file, files, old, new, known=key is not None or old in lock.nodes)
        if not write:
            return edit
        # the old one stays until everything knows the new name
        if key is not None and store.create({new: key.key})[new] != key.key:
            raise StateError(
                f"{store.path(new)} is another key already",
                hint="move it away if it belongs to nobody",
            )
        _write(edit)
        write_lock(workspace.lock_file, _lock_renamed(lock, old, new))
        said = [f"{new} keeps the key and the address of {old}."]
        if key is not None:
            said.append(f"{key.path} lies in {store.retire(old)} now.")
        return replace(edit, said=tuple(said))


def _renamed(file: Path, files: TopologyFiles, old: str, new: str, *, known: bool) -> TopologyEdit:
    """The change of the texts. What an earlier run that was cut short has written may be half of
    it, and no sound topology: only the result is judged. `known` says that something is kept under
    the old name."""
    names = files.names()
    domain = edited.network(files.texts[file], "domain")
    begun = old not in names and (
        known or any(edited.mentions(text, old, domain) for text in files.texts.values())
    )
    if new in names and not begun:
        files.home(old)
        raise StateError(f"there is a node {new!r} already", hint="choose another name")
    if new not in names:
        files.home(old)
    texts = {
        path: done(edited.renamed(text, old, new, domain), path)
        for path, text in files.texts.items()
    }
    return _changed(file, files, texts)


def _key_settings(text: str) -> KeysSpec:
    """The section `keys` of a text that need not be sound."""
    section = edited.section(text, "keys")
    recipients = section.get("recipients", ())
    listed = [recipients] if isinstance(recipients, str) else recipients
    return KeysSpec(str(section.get("store", "plain")), tuple(map(str, listed)))


def _lock_renamed(lock: Lock, old: str, new: str) -> Lock:
    if old not in lock.nodes:
        return lock
    nodes = {new if name == old else name: node for name, node in lock.nodes.items()}
    removed = {name: node for name, node in lock.removed.items() if name != new}
    return replace(lock, nodes=nodes, removed=removed)


def read_topology(file: Path, *, sound: bool = True) -> TopologyFiles:
    """The texts of all files of a topology, which must be `sound` or at least YAML.

    Raises: Refused, StateError.
    """
    texts = {file: _text(topology_content(file), file)}
    beside = files_beside(file.parent)

    def opened(name: str) -> bytes | Unopened:
        found = beside(name)
        if not isinstance(found, Unopened):
            texts[file.parent / name] = _text(found, file.parent / name)
        return found

    diagnostics = Diagnostics()
    spec = load_spec(texts[file], file=str(file), diagnostics=diagnostics, opened=opened)
    if spec is None and (sound or not all(map(edited.readable, texts.values()))):
        raise Refused(diagnostics.sorted())
    return TopologyFiles(texts)


def _edit(
    file: Path, change: Callable[[TopologyFiles], Mapping[Path, str]], *, write: bool
) -> TopologyEdit:
    with Workspace(file).locked():
        files = read_topology(file)
        edit = _changed(file, files, change(files))
        if write:
            _write(edit)
        return edit


def _changed(file: Path, files: TopologyFiles, texts: Mapping[Path, str]) -> TopologyEdit:
    """What changes, once the whole has been read again. Raises: Refused."""
    whole = {**files.texts, **texts}
    named = {path.relative_to(file.parent).as_posix(): text for path, text in whole.items()}

    def opened(name: str) -> bytes | Unopened:
        return named[name].encode() if name in named else Unopened("there is no such file")

    diagnostics = Diagnostics()
    spec = load_spec(
        whole[file], file=str(file), diagnostics=diagnostics, opened=opened, today=today()
    )
    if spec is None:
        raise Refused(diagnostics.sorted())
    after = {path: text for path, text in whole.items() if text != files.texts[path]}
    return TopologyEdit(files.texts, after, spec)


def _write(edit: TopologyEdit) -> None:
    for path, text in edit.after.items():
        target = path.resolve()
        write_atomic(target, text.encode(), mode=target.stat().st_mode & 0o777)


def _text(content: bytes, path: Path) -> str:
    try:
        return content[:MAX_BYTES].decode()
    except UnicodeDecodeError:
        raise StateError(f"{path} is not UTF-8 text", hint="save it as UTF-8") from None


def done(text: str | Uneditable, path: Path) -> str:
    """The text of an edit that succeeded. Raises: StateError."""
    if isinstance(text, Uneditable):
        raise StateError(f"{path}: {text.reason}", hint="change it with an editor")
    return text


def _forgotten(text: str, name: str, path: Path) -> str:
    """Without what is said about a node that left. Raises: StateError."""
    while mentions := edited.mentions(text, name):
        place = mentions[0]
        if place[0] in ("links", "tests"):
            place = edited.smallest(text, place)
        elif not isinstance(place[-1], int) and place[:2] != ("lab", "nodes"):
            where = ".".join(str(step) for step in place)
            raise StateError(
                f"{path}: `{where}` still names {name!r}",
                hint="change it first: what should hold instead is not for meshc to guess",
            )
        text = done(edited.without(text, place), path)
    return text


def _some(names: list[str]) -> str:
    return ", ".join(names[:12]) + (" …" if len(names) > 12 else "")

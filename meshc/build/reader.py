"""What a build left in its directory, read back for the proof: the files that nodes really get.

Nothing of the plan is looked at. The topology file and its lock say what should hold; the
manifest says which files belong to which node and what they were when they were written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

from meshc.build.garbage import without_gc
from meshc.build.pipeline import read_lock
from meshc.build.reading import read_spec
from meshc.build.workspace import Workspace
from meshc.diagnostics import Diagnostics, Location
from meshc.errors import ConfError, StateError
from meshc.files import read_regular
from meshc.render import manifest
from meshc.render.manifest import Entry, Manifest
from meshc.topology.language.spec import Spec
from meshc.topology.planner.addressing.lock_text import Lock
from meshc.topology.proof import Expectation, NodeFile, Proof, expectation, prove
from meshc.values import dataclass, field
from meshc.wg.conf import Conf
from meshc.wg.conf_reader import ConfReader

_BUILD_AGAIN = "run `meshc build` again"


@dataclass(slots=True)
class Emitted:
    """A build directory beside its topology. `confs` are the wg-quick files by node, `others` all
    that the proof does not read."""

    spec: Spec
    directory: Path
    confs: dict[str, Entry]
    others: tuple[Entry, ...]
    expectation: Expectation
    findings: Diagnostics
    unreadable: set[str] = field(default_factory=set)

    def files(self) -> Iterator[NodeFile]:
        """Every node's file, one after the other. What cannot be read is a finding (E422), what
        was changed since the build another (W423)."""
        for file in self._tables():
            yield NodeFile(file.name, file.whole())

    def _tables(self) -> Iterator[NodeFile]:
        reader = ConfReader()
        for name, entry in self.confs.items():
            file = self._one(reader, name, entry)
            if file is not None:
                yield file

    def reread(self, node: str) -> Conf:
        """One node's file again. Raises: ConfError, StateError."""
        entry = self.confs[node]
        return ConfReader().read(self._content(entry).decode(), file=str(self._path(entry)))

    def prove(self) -> Proof:
        """The proof of what is in the directory. Its findings hold those of reading as well."""
        for entry in self.others:
            self._compare(entry, self._content(entry))
        with without_gc():
            proof = prove(self._tables(), self.expectation, reread=self.reread)
        for found in proof.findings:
            # a file that cannot be read is not missing
            if found.code == "E421" and found.path.removeprefix("nodes.") in self.unreadable:
                continue
            self.findings.extend([found])
        return proof.with_findings(self.findings.sorted())

    def _one(self, reader: ConfReader, name: str, entry: Entry) -> NodeFile | None:
        path = self._path(entry)
        content = self._content(entry)
        place = Location(str(path), 1, 1)
        self._compare(entry, content)
        try:
            return NodeFile(name, *reader.read_table(content.decode(), file=str(path)))
        except UnicodeDecodeError:
            self._refuse(name, "it is not UTF-8 text", place)
        except ConfError as error:
            self._refuse(
                name, error.args[0].removeprefix(f"{path}:{error.line}: "), place, error.line
            )
        return None

    def _compare(self, entry: Entry, content: bytes) -> None:
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            path = str(self._path(entry))
            self.findings.add(
                "W423",
                f"{path} is not what was built; the proof is about what is there now",
                Location(path, 1, 1),
                path=f"nodes.{entry.node}" if entry.node else "",
                hint=f"{_BUILD_AGAIN}; move changes made by hand into the topology file",
            )

    def _refuse(self, name: str, why: str, place: Location, line: int = 1) -> None:
        self.unreadable.add(name)
        self.findings.add(
            "E422",
            f"wg-quick would refuse this file: {why}",
            Location(place.file, line, 1),
            path=f"nodes.{name}",
            hint=_BUILD_AGAIN,
        )

    def _content(self, entry: Entry) -> bytes:
        """Raises: StateError when the file is gone."""
        content = read_regular(self._path(entry))
        if content is None:
            raise StateError(f"{self._path(entry)} is missing", hint=_BUILD_AGAIN)
        return content

    def _path(self, entry: Entry) -> Path:
        return self.directory / entry.path


def read_emitted(file: Path, *, build: Path | None = None) -> Emitted:
    """Opens the build directory of a topology file (default: `build/` beside it).

    Raises: StateError when there is no build or a file of it is missing; Refused when the
    topology or its lock cannot be used.
    """
    workspace = Workspace(file)
    directory = build or workspace.build
    content = read_regular(directory / manifest.NAME)
    if content is None:
        raise StateError(f"{directory} holds no build", hint=f"build it first: meshc build {file}")
    built = manifest.parse(content.decode("utf-8", "replace"))
    findings = Diagnostics()
    spec = read_spec(file, findings)
    lock = read_lock(workspace.lock_file, findings)
    confs = {
        entry.node: entry
        for entry in sorted(built.files.values())
        if entry.node and entry.path.endswith(".conf")
    }
    _check_presence(directory, built)
    _compare_nodes(spec, confs, findings)
    known = {name: entry for name, entry in confs.items() if name in spec.nodes}
    others = tuple(
        entry for _, entry in sorted(built.files.items()) if confs.get(entry.node) != entry
    )
    return Emitted(spec, directory, known, others, _expectation(spec, lock), findings)


def _check_presence(directory: Path, built: Manifest) -> None:
    missing = sorted(path for path in built.files if not (directory / path).exists())
    if missing:
        shown = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")
        raise StateError(
            f"{len(missing)} of {len(built.files)} files of the build of {built.network} are "
            f"missing in {directory}: {shown}",
            hint=_BUILD_AGAIN,
        )


def _compare_nodes(spec: Spec, confs: dict[str, Entry], findings: Diagnostics) -> None:
    managed = {name for name, node in spec.nodes.items() if node.managed}
    gone = sorted(confs.keys() - spec.nodes.keys())
    for name in gone:
        findings.add(
            "W424",
            f"the build has a file for {name}, which the topology does not name any more",
            path=f"nodes.{name}",
            hint=_BUILD_AGAIN,
        )
    for name in sorted(managed - confs.keys()):
        findings.add(
            "W424",
            f"the topology names {name}, but the build is older and has no file for it",
            spec.nodes[name].at(),
            path=f"nodes.{name}",
            hint=_BUILD_AGAIN,
        )


def _expectation(spec: Spec, lock: Lock) -> Expectation:
    keys = {n: node.public_key for n, node in lock.nodes.items() if node.public_key is not None}
    addresses = {name: node.addresses for name, node in lock.nodes.items()}
    return expectation(
        spec, public_keys=MappingProxyType(keys), addresses=MappingProxyType(addresses)
    )

"""The verification of a build: what lies in its directory, proven as nodes really get it.

Nothing of the plan is looked at. The topology file and its lock say what should hold; the
manifest says which files belong to which node and what they were when they were written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from meshc.build.acceptance import settled
from meshc.build.garbage import without_gc
from meshc.build.lock_file import read_lock
from meshc.build.reader import BUILD_AGAIN, BuildReader, open_build
from meshc.build.topology_file import read_spec
from meshc.build.workspace import Workspace
from meshc.diagnostics import Diagnostics, Location
from meshc.errors import ConfError
from meshc.render.manifest import ManifestEntry
from meshc.secret import SecretText
from meshc.topology.language.spec import Spec
from meshc.topology.planner.addressing.lock_text import Lock
from meshc.topology.proof import (
    Expectation,
    NodeFile,
    Proof,
    ReadOutput,
    expectation,
    is_router_script,
    output_name,
    prove,
    read_script,
)
from meshc.values import dataclass, field
from meshc.wg.conf import Conf
from meshc.wg.conf_reader import ConfReader
from meshc.wg.conf_text import decode_conf


@dataclass(slots=True)
class Verification:
    """A build beside its topology. `confs` are the wg-quick files of the nodes that it names,
    `scripts` what a router runs in their place."""

    spec: Spec
    build: BuildReader
    confs: dict[str, ManifestEntry]
    scripts: dict[str, ManifestEntry]
    expectation: Expectation
    findings: Diagnostics
    outputs: Mapping[str, tuple[ManifestEntry, ...]] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)

    def files(self) -> Iterator[NodeFile]:
        """Every node's file, one after the other. What cannot be read is a finding (E422), what
        was changed since the build another (W423)."""
        for file in self._tables():
            yield file._replace(conf=file.whole(), table=None)

    def _tables(self) -> Iterator[NodeFile]:
        reader = ConfReader()
        for name, entry in self.confs.items():
            file = self._one(reader, name, entry)
            if file is not None:
                yield file

    def reread(self, node: str) -> Conf:
        """One node's file again. Raises: ConfError, StateError."""
        entry = self.confs[node]
        file = str(self.build.path(entry))
        return ConfReader().read(decode_conf(self.build.content(entry), file=file), file=file)

    def prove(self) -> Proof:
        """The proof of what is in the directory. Its findings hold those of reading as well."""
        for _, entry in sorted(self.build.manifest.files.items()):
            if self.build.confs.get(entry.node) != entry:
                self._compare(entry, self.build.content(entry))
        with without_gc():
            proof = prove(self._tables(), self.expectation, reread=self.reread)
        for found in proof.findings:
            # a file that cannot be read is not missing
            if found.code == "E421" and found.path.removeprefix("nodes.") in self.unreadable:
                continue
            self.findings.extend([found])
        spec = self.spec
        return proof.with_findings(settled(self.findings.sorted(), spec, whole=False))

    def _one(self, reader: ConfReader, name: str, entry: ManifestEntry) -> NodeFile | None:
        content = self.build.content(entry)
        self._compare(entry, content)
        script = self.scripts.get(name)
        path = self.build.path(script or entry)
        place = Location(str(path), 1, 1)
        try:
            if script is None:
                return NodeFile(
                    name,
                    *reader.read_table(decode_conf(content, file=str(path)), file=str(path)),
                    outputs=self.outputs_of(name),
                )
            router = read_script(self.build.content(script).decode(), file=str(path))
            return NodeFile(name, router.conf, script=router)
        except UnicodeDecodeError:
            self._refuse(name, "it is not UTF-8 text", place)
        except ConfError as error:
            self._refuse(
                name, error.args[0].removeprefix(f"{path}:{error.line}: "), place, error.line
            )
        return None

    def outputs_of(self, name: str) -> tuple[ReadOutput, ...]:
        """The files for other programs. Raises: UnicodeDecodeError, StateError."""
        found = []
        for entry in self.outputs.get(name, ()):
            which, text = output_name(entry.path), self.build.content(entry).decode()
            assert which is not None, "only such entries are kept"
            found.append(ReadOutput(*which, str(self.build.path(entry)), SecretText(text)))
        return tuple(found)

    def _compare(self, entry: ManifestEntry, content: bytes) -> None:
        self._compare_mode(entry)
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            path = str(self.build.path(entry))
            self.findings.add(
                "W423",
                f"{path} is not what was built; the proof is about what is there now",
                Location(path, 1, 1),
                path=f"nodes.{entry.node}" if entry.node else "",
                hint=f"{BUILD_AGAIN}; move changes made by hand into the topology file",
            )

    def _compare_mode(self, entry: ManifestEntry) -> None:
        """What holds a key is for its owner alone."""
        path = self.build.path(entry)
        if entry.mode & 0o077 == 0 and path.stat().st_mode & 0o077:
            self.findings.add(
                "E453",
                f"{path} holds a key, and others than its owner may open it",
                Location(str(path), 1, 1),
                path=f"nodes.{entry.node}" if entry.node else "",
                hint=f"chmod 600 {path}",
            )

    def _refuse(self, name: str, why: str, place: Location, line: int = 1) -> None:
        self.unreadable.add(name)
        who = "the router" if name in self.scripts else "wg-quick"
        self.findings.add(
            "E422",
            f"{who} would refuse this file: {why}",
            Location(place.file, line, 1),
            path=f"nodes.{name}",
            hint=BUILD_AGAIN,
        )


def open_verification(file: Path, *, build: Path | None = None) -> Verification:
    """Opens the build of a topology file (default: in `build/` beside it).

    Raises: StateError when there is no build or a file of it is missing; Refused when the
    topology or its lock cannot be used.
    """
    workspace = Workspace(file)
    built = open_build(build or workspace.build, file=file)
    findings = Diagnostics()
    spec = read_spec(file, findings)
    lock = read_lock(workspace.lock_file, findings)
    built.require_all()
    _compare_nodes(spec, built.confs, findings)
    known = {name: entry for name, entry in built.confs.items() if name in spec.nodes}
    files = built.manifest.files.values()
    scripts = {entry.node: entry for entry in files if is_router_script(entry.path)}
    outputs: dict[str, tuple[ManifestEntry, ...]] = {}
    for entry in files:
        if output_name(entry.path) is not None:
            outputs[entry.node] = (*outputs.get(entry.node, ()), entry)
    return Verification(spec, built, known, scripts, _expectation(spec, lock), findings, outputs)


def _compare_nodes(spec: Spec, confs: Mapping[str, ManifestEntry], findings: Diagnostics) -> None:
    managed = {name for name, node in spec.nodes.items() if node.managed}
    gone = sorted(confs.keys() - spec.nodes.keys())
    for name in gone:
        findings.add(
            "W424",
            f"the build has a file for {name}, which the topology does not name any more",
            path=f"nodes.{name}",
            hint=BUILD_AGAIN,
        )
    for name in sorted(managed - confs.keys()):
        findings.add(
            "W424",
            f"the topology names {name}, but the build is older and has no file for it",
            spec.nodes[name].at(),
            path=f"nodes.{name}",
            hint=BUILD_AGAIN,
        )


def _expectation(spec: Spec, lock: Lock) -> Expectation:
    keys = {n: node.public_key for n, node in lock.nodes.items() if node.public_key is not None}
    addresses = {name: node.addresses for name, node in lock.nodes.items()}
    return expectation(
        spec, public_keys=MappingProxyType(keys), addresses=MappingProxyType(addresses)
    )

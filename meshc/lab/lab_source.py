"""What a lab is made from: the topology, and the very files that `meshc build` wrote for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from meshc.build.reader import BuiltNode, open_build
from meshc.build.topology_file import read_spec
from meshc.diagnostics import Diagnostics
from meshc.lab.router_stand_in import router_notes, stand_in, with_rules
from meshc.lab.scratch import scratch_build
from meshc.lab.world.keeper import HostFiles
from meshc.node.nodefile import FACTS_NAME
from meshc.secret import SecretBytes
from meshc.topology.language.spec import Nat, NodeSpec, Platform, Spec
from meshc.topology.proof import is_router_script, read_script
from meshc.values import dataclass
from meshc.wg.conf import Conf, parse

ELSEWHERE = "its private key is kept elsewhere, and the lab cannot make it"
# Platforms on which WireGuard is an app, and nothing else runs beside it.
APPS = frozenset({Platform.IOS, Platform.ANDROID})
FOREIGN = "somebody else's peer: no file was emitted for it"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabSource:
    """A topology and its build directory, read. `absent` are the nodes that cannot take part,
    with the reason; `confs` and `files` hold the others. `notes` are about nodes that take part
    otherwise than they are."""

    file: Path
    build: Path
    spec: Spec
    confs: Mapping[str, Conf]
    files: Mapping[str, HostFiles]
    absent: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def interface(self) -> str:
        return self.spec.network.interface

    def addresses(self, name: str) -> dict[int, str]:
        """A node's addresses in the mesh, by family: the first, from which it speaks."""
        return {a.family: a.address for a in reversed(self.confs[name].addresses)}

    def peers(self, name: str) -> frozenset[str]:
        """The nodes that a node's file has sections for."""
        suffix = f".{self.spec.network.domain}"
        return frozenset(peer.name.removesuffix(suffix) for peer in self.confs[name].peers)

    def keeps_paths(self, name: str) -> bool:
        """Whether an agent of a node has something to change."""
        facts = self.files[name].files.get(FACTS_NAME)
        return facts is not None and "agent" in json.loads(facts.reveal())


def prepare(file: Path, build: Path | None, tell: Callable[[str], None]) -> LabSource:
    """The files of `build`, else of a build made for this lab alone.

    That build happens beside nobody's keys (see `scratch.py`): nothing next to `file` changes,
    and the files are byte for byte those that `meshc build` would write.
    Raises: Refused, StateError, ConfError.
    """
    if build is not None:
        return read_source(file, build)
    with scratch_build(file, tell) as made:
        return read_source(file, made)


def with_nats(source: LabSource, kinds: Mapping[str, Nat]) -> LabSource:
    """The same network with other NATs in front of some nodes or sites; the prediction follows."""
    spec = source.spec
    nodes = {
        name: replace(node, nat=kinds.get(name, kinds.get(node.site or "", node.nat)))
        for name, node in spec.nodes.items()
    }
    return replace(source, spec=replace(spec, nodes=nodes))


def read_source(file: Path, build: Path) -> LabSource:
    """Reads a topology and its build directory.

    Raises: Refused when the topology has errors; StateError when the build directory does not
    belong to it or lacks a node; ConfError.
    """
    spec = read_spec(file, Diagnostics())
    confs: dict[str, Conf] = {}
    files: dict[str, HostFiles] = {}
    absent: dict[str, str] = {}
    built = open_build(build, file=file)
    hosts = built.hosts()
    entries = built.manifest.files.values()
    scripts = {entry.node: entry for entry in entries if is_router_script(entry.path)}
    nodes = dict(spec.nodes)
    for name, node in spec.nodes.items():
        if not node.managed:
            absent[name] = FOREIGN
            continue
        found = built.node(name)
        text = found.text().reveal()
        script = scripts.get(name)
        if script is not None:
            router = read_script(built.content(script).decode(), file=str(built.path(script)))
            text = with_rules(text, router.firewall)
            nodes[name] = stand_in(node)
        conf = parse(text, file=str(found.path))
        if conf.private_key is None:
            absent[name] = f"{ELSEWHERE} ({_where(node)})"
            continue
        confs[name] = conf
        # what `meshc up` reads of a node is not about one that stands in for it
        made = {found.path.name: SecretBytes(text.encode())}
        files[name] = HostFiles(_contents(found) if script is None else made, hosts)
    notes = tuple(router_notes([*spec.nodes.values()]))
    spec = replace(spec, nodes=nodes)
    return LabSource(
        file=file, build=build, spec=spec, confs=confs, files=files, absent=absent, notes=notes
    )


def _contents(found: BuiltNode) -> dict[str, SecretBytes]:
    """The wg-quick file, and the facts beside it that `meshc up` reads."""
    facts = {} if found.facts is None else {FACTS_NAME: SecretBytes(found.facts)}
    return {found.path.name: found.conf, **facts}


def _where(node: NodeSpec) -> str:
    return "private_key_file" if node.private_key_file else "private_key_command or public_key"

"""The second profile of a node without an agent: its file with another relay, proven before it is
handed out.

The relays know the node already, and follow where its handshake is. What the proof walks are all
files of the build, with this one exchanged and the node placed where it will live.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from meshc.agent.compiled_roster import CompiledRoster, read_roster
from meshc.agent.core.effect import PlaceLeaf
from meshc.agent.moved_files import after_move
from meshc.build.reader import BuildReader
from meshc.errors import ConfError, StateError
from meshc.secret import SecretText
from meshc.topology.language.spec import Spec
from meshc.topology.planner.links.link import make_link
from meshc.topology.proof.expectation import NodeFile, expectation
from meshc.topology.proof.proof import prove
from meshc.wg.conf import Conf, PeerConf, parse


def second_profile(reader: BuildReader, spec: Spec, node: str, relay: str) -> SecretText:
    """The text of the file. Raises: StateError when there can be none; ConfError."""
    confs = {name: parse(reader.node(name).text().reveal()) for name in reader.confs}
    rosters = _rosters(reader)
    here = rosters.get(relay)
    number = {name: number for number, name in here.names.items()} if here is not None else {}
    leaf = number.get(node)
    if here is None or leaf is None or leaf not in here.roster.quiet & here.roster.linked:
        raise StateError(
            f"{relay} does not know {node} as one that may come with a second profile",
            hint="`agent: true` on all relays, and on some other node; a node with an agent moves "
            "by itself, and one whose exit is a relay stays with it",
        )
    names = {number: name for name, number in number.items()}
    home = names[here.roster.leaves[leaf]]
    if relay == home:
        return reader.node(node).text()
    text = _with_relay(reader, confs, spec, node, home, relay)
    confs[node] = parse(text)
    for name, compiled in rosters.items():
        via = leaf if name == relay else number[relay]
        if compiled.is_relay:
            confs[name] = after_move(confs[name], compiled, PlaceLeaf(leaf, via))
    _prove(confs, spec, node, relay)
    return SecretText(text)


def _rosters(reader: BuildReader) -> Mapping[str, CompiledRoster]:
    found = {name: read_roster(Path(reader.node(name).path)) for name in reader.confs}
    return {name: one for name, one in found.items() if one is not None}


def _prove(confs: Mapping[str, Conf], spec: Spec, node: str, relay: str) -> None:
    proof = prove([NodeFile(name, conf) for name, conf in confs.items()], expectation(spec))
    if not proof.holds:
        worst = next(found for found in proof.findings if found.severity.value == "error")
        raise StateError(
            f"the profile of {node} by {relay} does not hold: {worst.code} {worst.message}"
        )


def _with_relay(
    reader: BuildReader, confs: Mapping[str, Conf], spec: Spec, node: str, home: str, relay: str
) -> str:
    """The text with the section of its home made into one of the other relay."""
    link = make_link(spec.nodes[node], spec.nodes[relay], None, preshared_keys=False)
    if link is None or link.to_b is None:
        raise StateError(f"{node} cannot call {relay}")
    head, *sections = reader.node(node).text().reveal().split("\n[Peer]\n")
    domain = f".{spec.network.domain}" if spec.network.domain else ""
    ours = _section(confs[node], f"{home}{domain}")
    theirs = _section(confs[relay], f"{node}{domain}")
    known = next(p for c in confs.values() for p in c.peers if p.name == f"{relay}{domain}")
    lines = {
        "# Name": f"{relay}{domain}",
        "PublicKey": str(known.public_key),
        "PresharedKey": theirs.preshared_key.reveal() if theirs.preshared_key else None,
        "Endpoint": str(link.to_b),
    }
    made = []
    for section in sections:
        if f"PublicKey = {ours.public_key}" in section.splitlines():
            section = "".join(_exchanged(section, lines))
        made.append(section)
    return "\n[Peer]\n".join((head, *made))


def _exchanged(section: str, lines: Mapping[str, str | None]) -> list[str]:
    made = []
    for line in section.splitlines(keepends=True):
        key = line.partition(" = ")[0]
        if key not in lines:
            made.append(line)
        elif lines[key] is not None:
            made.append(f"{key} = {lines[key]}\n")
    return made


def _section(conf: Conf, name: str) -> PeerConf:
    found = next((peer for peer in conf.peers if peer.name == name), None)
    if found is None:
        raise ConfError(f"{conf.file or conf.name} has no section for {name}")
    return found

"""What a node that lies gets out of an exit: nothing.

A file of its own is no obstacle for who holds it (docs/security.md): only the exit's rules, and
WireGuard's source filter, stand in the way.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshc.lab.lab_session import LabSession
from meshc.lab.probe.lies import FIRST_PORT, FalsePacket, LieFindings, TellLies, WatchLies
from meshc.lab.report.lab_report import Check
from meshc.lab.report.predictor import Predictor
from meshc.lab.world.jobs import PlacedJob
from meshc.prefixes import Prefix
from meshc.topology.proof.iptables_rule import OUTSIDE, TUNNEL, Flow
from meshc.values import dataclass

GROUP = "lies"
# A cloud's metadata service, and a LAN that an exit may stand in.
SURROUNDINGS = {4: ("169.254.169.254", "192.168.255.254"), 6: ("fd00:ec2::254", "fdff:ffff::1")}


@dataclass(frozen=True, slots=True)
class Liar:
    """A node with a session to an exit, and what it sends there."""

    name: str
    exit: str
    packets: tuple[FalsePacket, ...]


def check_lies(session: LabSession, predictor: Predictor) -> list[Check]:
    """Of each exit, one of its users and one other node lie to it, if there are such."""
    checks = []
    source = session.source
    for liar in _liars(session, predictor):
        key = str(source.confs[liar.exit].private_key.public_key())  # type: ignore[union-attr]
        jobs: list[PlacedJob[object]] = [
            PlacedJob(liar.exit, WatchLies(source.interface, liar.packets)),
            PlacedJob(liar.name, TellLies(source.interface, key, liar.packets)),
        ]
        outcomes = {o.place: o for o in session.lab.run(jobs, parallel=2, timeout=60)}
        watched, told = outcomes[liar.exit], outcomes[liar.name]
        problems = [outcome.error for outcome in (watched, told) if outcome.error]
        if isinstance(watched.answer, LieFindings) and isinstance(told.answer, tuple):
            problems += map(str, told.answer)
            problems += [f"{packet.text} left {liar.exit}" for packet in watched.answer.left]
            if not watched.answer.heard:
                problems.append(f"{liar.exit} has heard none of them")
        title = f"{liar.name} lies to {liar.exit}: none of {len(liar.packets)} packets gets out"
        checks.append(Check(GROUP, title, not problems, "; ".join(problems[:5])))
    return checks


def _liars(session: LabSession, predictor: Predictor) -> Iterator[Liar]:
    spec, confs = session.source.spec, session.source.confs
    for exit_, conf in sorted(confs.items()):
        model = predictor.world.models[exit_]
        if not spec.nodes[exit_].exit_node or not model.has_rules or conf.private_key is None:
            continue
        key = conf.private_key.public_key()
        near = [
            name
            for name, other in sorted(confs.items())
            if any(peer.public_key == key for peer in other.peers)
            and any(predictor.pair(name, exit_, f).reachable for f in predictor.common(name, exit_))
        ]
        users = [name for name in near if spec.nodes[name].exit == exit_]
        others = [name for name in near if spec.nodes[name].exit is None]
        for name in (*users[:1], *others[:1]):
            packets = tuple(_packets(session, predictor, name, exit_))
            if packets:
                yield Liar(name, exit_, packets)


def _packets(
    session: LabSession, predictor: Predictor, name: str, exit_: str
) -> Iterator[FalsePacket]:
    """Its own address to where it may not go, and addresses of others to the internet. What the
    exit's own rules let through is no lie; W446 says so."""
    source, port = session.source, FIRST_PORT
    for family, own in source.addresses(name).items():
        if family not in source.addresses(exit_):
            continue
        internet = session.world.hosts[family == 6]
        others = [
            found[family]
            for other in sorted(source.confs)
            if other not in (name, exit_) and family in (found := source.addresses(other))
        ]
        pairs = [(own, target) for target in SURROUNDINGS[family]]
        pairs += [(other, internet) for other in others[:2]]
        if source.spec.nodes[name].exit != exit_:
            pairs.append((own, internet))
        for sender, target in pairs:
            if sender == own and _lets_through(predictor, exit_, family, sender, target):
                text = f"{name} may send to {target} through {exit_}, whose rules let it (W446)"
                session.notes.append(text)
                continue
            yield FalsePacket(sender, target, port)
            port += 1


def _lets_through(predictor: Predictor, exit_: str, family: int, source: str, target: str) -> bool:
    model = predictor.world.models[exit_]
    flow = Flow(family, Prefix.host(source).value, Prefix.host(target).value, TUNNEL, OUTSIDE)
    return family in model.firewall.families and model.firewall.forwarding(flow)[0]

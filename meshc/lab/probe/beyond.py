"""What lies beyond the mesh: addresses on the internet, where a test or a rule of `policies:` names
them. Measured is what the mesh has a part in; who would go there beside the tunnel is made to go
through it, where that must lead nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from meshc.lab.lab_session import LabSession
from meshc.lab.probe import measure
from meshc.lab.probe.claim_checks import ClaimChecker
from meshc.lab.probe.measure import Subject
from meshc.lab.report.lab_report import Cell, Key, Measured, Predicted, claimed, compare
from meshc.lab.report.predictor import Predictor
from meshc.values import dataclass


@dataclass(frozen=True, slots=True)
class Beyond:
    """What the mesh has a part in, who was made to send there through it, and the pairs of which
    the proof claims nothing."""

    cells: tuple[Cell, ...] = ()
    forced: tuple[Cell, ...] = ()
    unjudged: frozenset[Key] = frozenset()


def measure_beyond(session: LabSession, subject: Subject, predictor: Predictor) -> Beyond:
    """Pings to every address out there that somebody's test or rule is about."""
    expected: dict[Key, Predicted] = {}
    apart: set[tuple[str, str]] = set()
    hosts = session.world.lan_hosts
    for senders, address, must_not in _asked(session, predictor):
        expected |= predictor.claimed_internet(senders, hosts, address)
        apart |= {(sender, address) for sender in senders if must_not}
    known = claimed(expected)
    inside = predictor.beside_the_mesh(apart, known)
    through = measure.forced(
        session.lab, addressed(subject, inside), inside, session.source.interface
    )
    return Beyond(
        compare(known, _reach(session, subject, known)),
        compare(inside, through),
        frozenset(expected.keys() - known.keys()),
    )


def addressed(subject: Subject, keys: Iterable[Key]) -> Subject:
    """The same, in which addresses on the internet are called by themselves."""
    more = {key.target: {key.family: key.target} for key in keys}
    return replace(subject, addresses={**more, **subject.addresses})


def _asked(
    session: LabSession, predictor: Predictor
) -> Iterable[tuple[tuple[str, ...], str, bool]]:
    """Senders, an address that stands for where they send, and whether nothing may get there."""
    world, duties = session.world, predictor.obligations
    checker = ClaimChecker((), world.lan_hosts, world.beyond)
    out_there = set(world.beyond.values())
    for claim in duties.claims:
        senders = tuple(end.place for end in checker.ends(claim.sources))
        for end in checker.ends(claim.targets):
            if end.place in out_there:
                yield senders, end.place, claim.apart
    everybody = (*sorted(session.source.confs), *(host.place for host in world.lan_hosts))
    rules = duties.access.rules if duties.access is not None else ()
    if any(rule.targets.internet for rule in rules):
        for address in world.hosts:
            yield everybody, address, False


def _reach(
    session: LabSession, subject: Subject, expected: Mapping[Key, Predicted]
) -> dict[Key, Measured]:
    hopeful = [key for key, value in expected.items() if value.reachable]
    hopeless = [key for key, value in expected.items() if not value.reachable]
    return measure.reachability(session.lab, addressed(subject, expected), hopeful, hopeless)

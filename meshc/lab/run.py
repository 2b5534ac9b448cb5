"""`meshc lab test`: everything that is measured, in order, as one `LabReport`."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from meshc.errors import NodeError
from meshc.lab.lab_session import LabSession
from meshc.lab.node_jobs import ForgetCallers
from meshc.lab.probe import bandwidth, checks, dead_nodes, direct_pairs, failover, measure, recovery
from meshc.lab.probe.beyond import Beyond, measure_beyond
from meshc.lab.probe.claim_checks import ClaimChecker
from meshc.lab.probe.lie_checks import check_lies
from meshc.lab.probe.measure import Subject
from meshc.lab.probe.name_server_checks import check_name_servers
from meshc.lab.probe.patience import Patience
from meshc.lab.probe.port_checks import PortTrials, try_ports
from meshc.lab.report.lab_report import (
    Cell,
    Check,
    Key,
    LabReport,
    Measured,
    Predicted,
    claimed,
    compare,
    unclaimed,
)
from meshc.lab.report.predictor import Predictor, hop_limits, one_way_sessions
from meshc.lab.world.jobs import PlacedJob
from meshc.lab.world.router_jobs import ForgetMappings
from meshc.wg.overhead import DEFAULT_MTU

Tell = Callable[[str], None]
# Whitepaper section 6.1: who has received data and sent none answers within KEEPALIVE_TIMEOUT, 10.
LAST_WORDS = 12.0
NOTHING: Mapping[Key, Predicted] = MappingProxyType({})


def run_test(
    session: LabSession,
    *,
    kill: tuple[str, ...] = (),
    recover: bool = False,
    with_bandwidth: bool = False,
    tell: Tell = lambda _: None,
) -> LabReport:
    """Measures a running lab against the proof.

    `kill` names nodes to be cut off one after the other (where agents run: to be killed, and what
    the agents make of that), `recover` times what a network goes through (new NAT mappings, a new
    address, an engine that restarts), `with_bandwidth` runs iperf3.
    Raises: NodeError when the lab itself fails.
    """
    begun = time.monotonic()
    predictor = Predictor.of(session.source)
    everything = {**predictor.pairs(), **predictor.lans(session.world.lan_hosts)}
    proven = predictor.with_duties(claimed(everything), session.world.lan_hosts)
    session.notes += unclaimed(everything)
    predicted, found = _with_agents(session, proven, tell)
    subject = subject_of(session, predicted)
    cells = measure_all(session, subject, predicted, tell, mute=predictor.mute(everything))
    tell("the internet")
    outside = measure_beyond(session, subject, predictor)
    measured = [*cells, *outside.cells, *outside.forced]
    ports = try_ports(session, subject, predictor, [*cells, *outside.cells], tell)
    found += [*ports.checks(), *_beyond_checks(outside)]
    open_ = {*(everything.keys() - predicted.keys()), *outside.unjudged}
    found += check_claims(session, predictor, measured, open_, ports)
    found += _beside_the_matrix(session, predictor, subject.patience, tell)
    if with_bandwidth:
        cells = bandwidth.measure_bandwidth(session, subject, cells, tell)
    for name in kill:
        found += _killed(session, subject, name, predicted, tell)
    if recover:
        found += recovery.check_recovery(session, subject, predicted, tell)
    seconds = {**session.seconds, "test": round(time.monotonic() - begun, 3)}
    return LabReport(
        network=session.source.spec.network.name,
        file=str(session.source.file),
        engines=session.engines,
        cells=cells,
        checks=tuple(found),
        absent=session.source.absent,
        remarks=tuple(session.notes),
        seconds={name: round(value, 3) for name, value in seconds.items()},
    )


def _with_agents(
    session: LabSession, predicted: Mapping[Key, Predicted], tell: Tell
) -> tuple[Mapping[Key, Predicted], list[Check]]:
    """The prediction with the direct paths that agents have found."""
    if not (session.agents and failover.moving(session)):
        return predicted, []
    tell("direct paths")
    pairs, waited = direct_pairs.await_direct(session)
    if not pairs:
        return predicted, []
    relays = {name for name, node in session.source.spec.nodes.items() if node.is_relay}
    found = direct_pairs.check_direct(session, pairs, waited)
    return direct_pairs.with_direct(predicted, pairs, relays), [found]


def _beside_the_matrix(
    session: LabSession, predictor: Predictor, patience: Patience, tell: Tell
) -> list[Check]:
    tell("addresses that nobody has")
    found = checks.check_unallocated(session)
    tell("name servers")
    found += check_name_servers(session, predictor, patience)
    tell("exits")
    found += checks.check_exits(session, predictor, patience)
    tell("liars")
    found += check_lies(session, predictor)
    return found


def _killed(
    session: LabSession,
    subject: Subject,
    name: str,
    predicted: Mapping[Key, Predicted],
    tell: Tell,
) -> list[Check]:
    if session.agents and failover.moving(session):
        return failover.check_failover(session, subject, name, predicted, tell)
    return dead_nodes.check_failure(session, subject, name, tell)


def check_claims(
    session: LabSession,
    predictor: Predictor,
    cells: Sequence[Cell],
    unjudged: Iterable[Key],
    ports: PortTrials,
) -> list[Check]:
    """The lines of `tests:`, held against everything that was measured."""
    world, claims = session.world, predictor.obligations.claims
    exact = predictor.obligations.access is not None
    reached = ports.reached()
    checker = ClaimChecker(cells, world.lan_hosts, world.beyond, unjudged, reached, exact=exact)
    session.notes += checker.unmeasured(claims)
    return list(checker.check(claims))


def _beyond_checks(outside: Beyond) -> Iterator[Check]:
    """What differs from the proof on the way to the internet."""
    for cell in (*outside.cells, *outside.forced):
        for problem in cell.problems:
            name = f"{cell.key.source} → {cell.key.target} (IPv{cell.key.family})"
            yield Check("internet", name, False, problem)


def measure_all(
    session: LabSession,
    subject: Subject,
    predicted: Mapping[Key, Predicted],
    tell: Tell,
    *,
    mute: Collection[Key] = frozenset(),
    doubt: float = measure.DOUBT,
) -> tuple[Cell, ...]:
    """Ping, path, size and TCP of every predicted pair. `mute` is `Predictor.mute`; `doubt` is how
    long, in seconds, those are tried that should not pass."""
    hopeful = [key for key, value in predicted.items() if value.reachable]
    asleep = [key for key, value in predicted.items() if value.asleep]
    hopeless = [k for k, value in predicted.items() if not value.reachable and not value.asleep]
    first = one_way_sessions(predicted)
    found = measure.reachability(
        session.lab, subject, hopeful, hopeless, first=first, doubt=doubt, tell=tell
    )
    tell("paths")
    found = measure.paths(session.lab, subject, found, hop_limits(predicted))
    tell("packets of full size")
    found = measure.sizes(session.lab, subject, found)
    tell("TCP")
    closed = {key for key, value in predicted.items() if not value.tcp}
    found = measure.connections(session.lab, subject, found, closed)
    if asleep:
        tell("after a silence")
        _forget_everybody(session, {predicted[key].asleep for key in asleep})
        found |= measure.reachability(session.lab, subject, (), asleep)
    return compare(predicted, _calm(found), mute)


def subject_of(session: LabSession, predicted: Mapping[Key, Predicted] = NOTHING) -> Subject:
    """Addresses and sizes of everything that is measured, and the patience that it takes. A host
    on a LAN has the size of its router's tunnel."""
    source, world = session.source, session.world
    addresses: dict[str, dict[int, str]] = {name: source.addresses(name) for name in source.confs}
    mtu = {name: conf.mtu or DEFAULT_MTU for name, conf in source.confs.items()}
    for host in world.lan_hosts:
        addresses[host.place] = {host.prefix.family: host.address}
        mtu[host.place] = mtu[host.router]
    others = {a.address: name for name in source.confs for _, a in world.places[name].addresses}
    hops = 1 + max(hop_limits(predicted).values(), default=0)
    return Subject(addresses, mtu, Patience.of(world, hops), others)


def _forget_everybody(session: LabSession, sleepers: Iterable[str]) -> None:
    """As after a long silence: routers have dropped their mappings, and `sleepers` do not know any
    more where those were last heard of whom they cannot call. Before that everybody says what is
    still to be said: who has sent data and hears nothing would look for its peer by itself."""
    time.sleep(LAST_WORDS)
    routers = sorted(set(session.world.nat_of.values()))
    _all_or_nothing(session, [PlacedJob(name, ForgetMappings()) for name in routers])
    forget = ForgetCallers(session.source.interface)
    _all_or_nothing(session, [PlacedJob(name, forget) for name in sorted(sleepers)])


def _all_or_nothing(session: LabSession, jobs: Sequence[PlacedJob[object]]) -> None:
    for outcome in session.lab.run(jobs):
        if outcome.error:
            raise NodeError(f"{outcome.place}: {outcome.error}")


def _calm(found: Mapping[Key, Measured]) -> dict[Key, Measured]:
    """Round trips to a hundredth of a millisecond: more digits would be noise."""
    return {
        key: replace(value, ms=None if value.ms is None else round(value.ms, 2))
        for key, value in found.items()
    }

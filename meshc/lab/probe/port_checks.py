"""Every rule of `policies:` in the lab: connections and datagrams to hosts that listen, where a
rule allows them and right beside, in both directions, held against the proof."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from meshc.lab.lab_session import LabSession
from meshc.lab.probe.beyond import addressed
from meshc.lab.probe.claim_checks import ClaimChecker
from meshc.lab.probe.listening import Kind, OpenPorts
from meshc.lab.probe.measure import DOUBT, PARALLEL, Subject, batch, mark_of
from meshc.lab.probe.port_trial import PortAnswer, PortTrial, TryPorts
from meshc.lab.report.lab_report import Cell, Check, Key, Predicted
from meshc.lab.report.port_choice import inside, kinds_between, thinned
from meshc.lab.report.predictor import Predictor
from meshc.lab.world.draft import PUBLIC_HOST
from meshc.lab.world.jobs import PlacedJob
from meshc.prefixes import Prefix
from meshc.topology.language.spec import PolicySpec
from meshc.topology.obligations.access import NO_RULES, Access, Rules
from meshc.values import dataclass

GROUP = "policies"
MOST = 40_000
_SHOWN = 3

Wanted = Mapping[Key, tuple[Kind, ...]]
Foretold = Mapping[Key, Mapping[Kind, Predicted]]


@dataclass(frozen=True, slots=True)
class TriedPort:
    """One trial: what the proof says, what came, and why that differs, if it does. `rules` are
    those that speak of the two ends, `place` who should answer."""

    key: Key
    kind: Kind
    predicted: Predicted
    answer: PortAnswer
    rules: Rules
    place: str

    @property
    def problem(self) -> str:
        expected, heard = self.predicted, self.answer
        if expected.reachable and not heard.name:
            return f"does not pass ({heard.error or 'no answer'}), although it is proven to"
        if not expected.reachable and heard.reached:
            return f"passes, although the proof says: {expected.reason or 'unreachable'}"
        if heard.name not in ("", "?", self.place):
            return f"is answered by {heard.name}"
        return ""

    @property
    def text(self) -> str:
        protocol, port = self.kind
        ends = f"{self.key.source} → {self.key.target} {protocol}/{port}"
        return f"{ends} (IPv{self.key.family}) {self.problem}"


@dataclass(frozen=True, slots=True)
class PortTrials:
    """All that was tried."""

    access: Access | None
    tried: tuple[TriedPort, ...] = ()
    cells: tuple[Cell, ...] = ()

    def reached(self) -> dict[Key, dict[Kind, bool]]:
        """What got through, for the lines of `tests:`."""
        found: dict[Key, dict[Kind, bool]] = {}
        for one in self.tried:
            found.setdefault(one.key, {})[one.kind] = one.answer.reached
        return found

    def checks(self) -> Iterator[Check]:
        """One for each rule, one for what none allows; for the rest (`tests:` of a network without
        policies) one."""
        rules = self.access.rules if self.access is not None else ()
        for number, rule in enumerate(rules):
            yield _check(_title(rule), [one for one in self.tried if number in one.rules])
        others = [one for one in self.tried if not one.rules]
        if others:
            title = "what no rule speaks of" if self.access is not None else "ports of tests"
            yield _check(title, others)


def try_ports(
    session: LabSession,
    subject: Subject,
    predictor: Predictor,
    cells: Sequence[Cell],
    tell: Callable[[str], None],
    *,
    patience: float | None = None,
) -> PortTrials:
    """Tries what `port_choice` says for all pairs of `cells`, first what should pass, for
    `patience` seconds (None: that of the subject)."""
    access = predictor.obligations.access
    subject = addressed(subject, (c.key for c in cells if c.key.target not in subject.addresses))
    wanted = _wanted(session, subject, predictor, cells)
    if not wanted:
        return PortTrials(access)
    hosts = {host.place: host for host in session.world.lan_hosts}
    foretold = {key: predictor.served(key, hosts, kinds) for key, kinds in wanted.items()}
    foretold = {
        key: {kind: value for kind, value in found.items() if value.judged and not value.asleep}
        for key, found in foretold.items()
    }
    busy = _open(session, foretold)
    answers: dict[tuple[Key, Kind], PortAnswer] = {}
    for hopeful in (True, False):
        some = {
            key: [k for k, value in found.items() if value.reachable is hopeful]
            for key, found in foretold.items()
        }
        if hopeful:  # somebody else's port: whether he answers is his affair
            some = {k: [one for one in v if (_place(session, k), one) not in busy]
                    for k, v in some.items()}  # fmt: skip
        tell(f"{sum(map(len, some.values()))} ports that should{'' if hopeful else ' not'} answer")
        seconds = subject.patience.greeting if patience is None else patience
        if not hopeful:
            seconds = DOUBT + subject.patience.round_trip
        answers |= _asked(session, subject, some, seconds, patient=hopeful)
    tried = tuple(
        TriedPort(key, kind, foretold[key][kind], answer, _rules(access, subject, key),
                  _place(session, key))
        for (key, kind), answer in answers.items()
    )  # fmt: skip
    return PortTrials(access, tried, tuple(cells))


def _wanted(
    session: LabSession, subject: Subject, predictor: Predictor, cells: Sequence[Cell]
) -> dict[Key, tuple[Kind, ...]]:
    """The trials of each pair: what rules speak of, and what `tests:` name."""
    access = predictor.obligations.access
    keys = [cell.key for cell in cells if not cell.predicted.asleep]
    wanted: dict[Key, tuple[Kind, ...]] = {}
    if access is not None:
        for key in keys:
            wanted[key] = kinds_between(access, *_ends(subject, key))
    claimed = _claimed(session, predictor, keys)
    full = {key for key in wanted if _rules(access, subject, key)} | claimed.keys()
    total = sum(map(len, wanted.values()))
    wanted = thinned(wanted, full, MOST)
    left = total - sum(map(len, wanted.values()))
    if left:
        session.notes.append(f"{left:,} of {total:,} trials of ports were left out")
    for key, kinds in claimed.items():
        wanted[key] = tuple(sorted({*wanted.get(key, ()), *kinds}))
    return wanted


def _claimed(
    session: LabSession, predictor: Predictor, keys: Iterable[Key]
) -> dict[Key, set[Kind]]:
    world = session.world
    exact = predictor.obligations.access is not None
    checker = ClaimChecker((), world.lan_hosts, world.beyond, exact=exact)
    by_pair: dict[tuple[str, str], list[Key]] = {}
    for key in keys:
        by_pair.setdefault(key[:2], []).append(key)
    found: dict[Key, set[Kind]] = {}
    for claim in predictor.obligations.claims:
        kinds = set(inside(claim.test.service)) if claim.test.service is not None else set()
        targets = checker.ends(claim.targets) if kinds else ()
        for source in checker.ends(claim.sources) if kinds else ():
            for target in targets:
                for key in by_pair.get((source.place, target.place), ()):
                    found.setdefault(key, set()).update(kinds)
    return found


def _ends(subject: Subject, key: Key) -> tuple[Prefix, Prefix]:
    one, other = (subject.addresses[name][key.family] for name in key[:2])
    return Prefix.host(one), Prefix.host(other)


def _rules(access: Access | None, subject: Subject, key: Key) -> Rules:
    """Those that allow anything between the two ends."""
    if access is None:
        return NO_RULES
    source, target = _ends(subject, key)
    return access.allowing(key.family, source.value, target.value)


def _place(session: LabSession, key: Key) -> str:
    """Who answers there: addresses on the internet are all played by one host."""
    return key.target if key.target in session.world.places else PUBLIC_HOST


def _open(session: LabSession, foretold: Foretold) -> set[tuple[str, Kind]]:
    """Has everybody listen at what is tried of him; what somebody else has there."""
    kinds: dict[str, set[Kind]] = {}
    for key, found in foretold.items():
        kinds.setdefault(_place(session, key), set()).update(found)
    jobs = [PlacedJob(place, OpenPorts(tuple(sorted(some)))) for place, some in kinds.items()]
    busy: set[tuple[str, Kind]] = set()
    for outcome in session.lab.run(jobs, parallel=PARALLEL, timeout=60):
        if outcome.error:
            session.notes.append(f"{outcome.place}: {outcome.error}")
            continue
        busy |= {(outcome.place, kind) for kind in outcome.value}
    return busy


def _asked(
    session: LabSession,
    subject: Subject,
    wanted: Mapping[Key, Sequence[Kind]],
    seconds: float,
    *,
    patient: bool,
) -> dict[tuple[Key, Kind], PortAnswer]:
    targets = {
        key: [PortTrial(subject.addresses[key.target][key.family], *kind) for kind in kinds]
        for key, kinds in wanted.items()
        if kinds
    }
    answers = batch(
        session.lab,
        targets,
        lambda source, trials: TryPorts(trials, seconds, patient, mark_of(source)),
        timeout=20 * seconds + 60,
    )
    found: dict[tuple[Key, Kind], PortAnswer] = {}
    for key, heard in answers.items():
        for number, kind in enumerate(wanted[key]):
            failed = PortAnswer(error=heard) if isinstance(heard, str) else None
            found[key, kind] = failed or heard[number]  # type: ignore[assignment]
    return found


def _title(rule: PolicySpec) -> str:
    where = f"rule in line {rule.location.line}" if rule.location else f"rule {rule.index + 1}"
    return f"{where} ({', '.join(map(str, rule.services))})"


def _check(title: str, tried: Sequence[TriedPort]) -> Check:
    problems = [one.text for one in tried if one.problem]
    passing = sum(one.predicted.reachable for one in tried)
    name = f"{title}: {passing:,} trials pass, {len(tried) - passing:,} do not"
    more = f"; and {len(problems) - _SHOWN:,} more" if len(problems) > _SHOWN else ""
    return Check(GROUP, name, not problems, "; ".join(problems[:_SHOWN]) + more)

"""Measures a running lab: what arrives, which way it went, at which size, and by TCP.

The path is read from the network itself: requests with a hop limit of 1, 2, ... are answered by
the relays in between, and the last by the target; the hop limit of an answer says how many relays
the way back had.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

from meshc.lab.probe.patience import Patience
from meshc.lab.probe.ping import PLAIN_TTL, Echo, Ping, PingTarget
from meshc.lab.probe.tcp import Greet, Greeting
from meshc.lab.report.lab_report import LAN, SILENT, Key, Measured
from meshc.lab.world.control import Lab
from meshc.lab.world.jobs import Job, PlacedJob
from meshc.lab.world.places import ASKING
from meshc.values import dataclass, field

PARALLEL = 8
DOUBT = 2.0
# What should pass is waited for so many times longer as long as answers keep coming in.
SLOWNESS = 8


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured: `addresses` of each target by family (nodes, and hosts behind them),
    `mtu` of each node, and which name an address belongs to when a relay answers. `patience` is
    what the lines call for, `others` are addresses by which relays and routers name themselves."""

    addresses: Mapping[str, Mapping[int, str]]
    mtu: Mapping[str, int]
    patience: Patience = Patience()
    others: Mapping[str, str] = field(default_factory=dict)

    def owner(self, address: str) -> str:
        for name, found in self.addresses.items():
            if address in found.values():
                return name
        return self.others.get(address, address)


def reachability(
    lab: Lab,
    subject: Subject,
    hopeful: Iterable[Key],
    hopeless: Iterable[Key],
    *,
    first: Iterable[Key] = (),
    patience: float | None = None,
    doubt: float = DOUBT,
    strict: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> dict[Key, Measured]:
    """Pings every pair. The hopeful ones are tried until they pass or `patience` (seconds; None:
    that of the subject) is over, those that are `first` before the others; the hopeless ones come
    after that, when every session that can stand does stand, and are tried for `doubt` seconds.
    With `strict` the patience is not stretched on a slow machine."""
    hopeful, hopeless = list(hopeful), list(hopeless)
    tell(f"ping, {len(hopeful)} pairs that should pass")
    seconds = subject.patience.session if patience is None else patience
    most = seconds * (1 if strict else SLOWNESS)
    pinging = Pinging(seconds, most, 0.4)
    wanted = set(hopeful)
    early = [key for key in first if key in wanted]
    found = _pings(lab, subject, early, pinging)
    late = [key for key in hopeful if key not in found]
    found |= _pings(lab, subject, late, pinging)
    if hopeless:
        tell(f"ping, {len(hopeless)} pairs that should not pass")
        interval = subject.patience.interval(0.6)
        few = Pinging(max(doubt, 3 * interval), None, interval, tries=max(2, round(doubt / 0.6)))
        found |= _pings(lab, subject, hopeless, few, patient=False)
    return found


def forced(lab: Lab, subject: Subject, keys: Iterable[Key], interface: str) -> dict[Key, Measured]:
    """Pings that must leave by the tunnel, whatever the routes say."""
    interval = subject.patience.interval(0.6)
    few = Pinging(max(DOUBT, 3 * interval), None, interval, interface=interface)
    return _pings(lab, subject, [*keys], few, patient=False)


def paths(
    lab: Lab, subject: Subject, measured: Mapping[Key, Measured], hops: Mapping[Key, int]
) -> dict[Key, Measured]:
    """Adds the path to every pair that was reached, and the round trip time without a handshake
    in it; `hops` is how many relays to look for."""
    keys = [key for key, value in measured.items() if value.reachable]
    targets = {
        key: [
            PingTarget(subject.addresses[key.target][key.family], ttl=ttl)
            for ttl in range(1, hops.get(key, 0) + 2)
        ]
        for key in keys
    }
    answers = _echoes(lab, targets, _patiently(subject, 4.0, 0.5))
    result = dict(measured)
    for key, heard in answers.items():
        ms = measured[key].ms if heard[-1].ms is None else heard[-1].ms
        result[key] = replace(measured[key], path=_path(subject, key, heard), ms=ms)
    return result


def sizes(lab: Lab, subject: Subject, measured: Mapping[Key, Measured]) -> dict[Key, Measured]:
    """Adds whether a packet passes that fills the smallest tunnel on the path, in one piece and
    back."""
    targets: dict[Key, list[PingTarget]] = {}
    for key, value in measured.items():
        if value.reachable:
            passed_by = {key.source, key.target, *(value.path or ())}
            mtu = min(subject.mtu[name] for name in passed_by if name in subject.mtu)
            address = subject.addresses[key.target][key.family]
            targets[key] = [PingTarget(address, size=mtu)]
    answers = _echoes(lab, targets, _patiently(subject, 3.0, 0.4))
    result = dict(measured)
    for key, (heard,) in answers.items():
        passed = heard.kind == "reply"
        result[key] = replace(measured[key], mtu=targets[key][0].size, mtu_ok=passed)
    return result


def connections(
    lab: Lab, subject: Subject, measured: Mapping[Key, Measured], closed: Collection[Key] = ()
) -> dict[Key, Measured]:
    """Adds whether TCP reaches the very machine that was meant. Those that are `closed` should not
    get through, and are not tried for long."""
    reached = [key for key, value in measured.items() if value.reachable]
    result = dict(measured)
    few = DOUBT + subject.patience.round_trip
    for keys, seconds in (
        ([key for key in reached if key not in closed], subject.patience.greeting),
        ([key for key in reached if key in closed], few),
    ):
        for key, heard in _greetings(lab, subject, keys, seconds).items():
            if isinstance(heard, str):
                result[key] = replace(measured[key], tcp=False, detail=heard)
                continue
            (greeting,) = heard
            right = greeting.name == key.target
            detail = "" if right else greeting.error or f"{greeting.name} answered"
            result[key] = replace(measured[key], tcp=right, detail=detail)
    return result


def _greetings(
    lab: Lab, subject: Subject, keys: Sequence[Key], seconds: float
) -> dict[Key, tuple[Greeting, ...] | str]:
    targets = {key: [subject.addresses[key.target][key.family]] for key in keys}
    return batch(
        lab,
        targets,
        lambda source, addresses: Greet(addresses, seconds, mark_of(source)),
        timeout=seconds + 60,
    )


class Pinging(NamedTuple):
    """How long and how often to ask: see `Ping`."""

    seconds: float
    most: float | None
    interval: float
    tries: int = 3
    interface: str = ""

    def job(self, source: str, targets: tuple[PingTarget, ...]) -> Ping:
        mark = mark_of(source)
        return Ping(
            targets, self.seconds, self.most, self.interval, self.tries, mark, self.interface
        )


def mark_of(source: str) -> int:
    """A host on a LAN asks as one that knows the way."""
    return ASKING if source.startswith(LAN) else 0


def _patiently(subject: Subject, seconds: float, interval: float) -> Pinging:
    """For sessions that stand: what gets lost now is lost on the line."""
    enough = subject.patience.echo(seconds, interval)
    return Pinging(enough, enough * SLOWNESS, interval)


def _pings(
    lab: Lab, subject: Subject, keys: Sequence[Key], how: Pinging, *, patient: bool = True
) -> dict[Key, Measured]:
    targets: dict[Key, list[PingTarget]] = {}
    for key in keys:
        address = subject.addresses.get(key.target, {}).get(key.family)
        if address is not None and key.family in subject.addresses.get(key.source, {}):
            targets[key] = [PingTarget(address, patient=patient)]
    answers = _echoes(lab, targets, how)
    missing = Measured(False, detail="no address in this family")
    return {key: _measured(answers[key][0]) if key in answers else missing for key in keys}


def _measured(heard: Echo) -> Measured:
    if heard.kind == "reply":
        return Measured(True, ms=heard.ms)
    detail = heard.error or ("" if heard.kind == "none" else heard.kind)
    return Measured(False, detail=detail)


def _echoes(
    lab: Lab, targets: Mapping[Key, Sequence[PingTarget]], how: Pinging
) -> dict[Key, Sequence[Echo]]:
    """What each pair heard; where the job failed, silence that says why."""
    longest = how.seconds if how.most is None else how.most
    answers = batch(lab, targets, how.job, timeout=longest + 60)
    return {
        key: [Echo(error=heard)] * len(targets[key]) if isinstance(heard, str) else heard
        for key, heard in answers.items()
    }


Target = TypeVar("Target")
Heard = TypeVar("Heard")


def batch(
    lab: Lab,
    targets: Mapping[Key, Sequence[Target]],
    job: Callable[[str, tuple[Target, ...]], Job[tuple[Heard, ...]]],
    *,
    timeout: float,
) -> dict[Key, tuple[Heard, ...] | str]:
    """One job per source with the targets of all its keys; answers are dealt back out. A text is
    why there are none."""
    by_source: dict[str, list[Key]] = {}
    for key in targets:
        by_source.setdefault(key.source, []).append(key)
    jobs = [
        PlacedJob(source, job(source, tuple(t for key in keys for t in targets[key])))
        for source, keys in by_source.items()
    ]
    found: dict[Key, tuple[Heard, ...] | str] = {}
    for outcome in lab.run(jobs, parallel=PARALLEL, timeout=timeout):
        at = 0
        for key in by_source[outcome.place]:
            size = len(targets[key])
            found[key] = outcome.error or outcome.value[at : at + size]
            at += size
    return found


def _path(subject: Subject, key: Key, heard: Sequence[Echo]) -> tuple[str, ...]:
    """Source, who said "time exceeded" at each hop limit, and the target if it answered at the
    last one. A hop that stayed silent is `?`; a longer way than expected ends in `...`."""
    path = [key.source]
    for answer in heard:
        if answer.kind == "reply":
            path.append(key.target)
            back = PLAIN_TTL - answer.ttl
            if back != len(path) - 2:
                path.append(f"(back over {back} relays)")
            return tuple(path)
        path.append(subject.owner(answer.sender) if answer.kind == "exceeded" else SILENT)
    return (*path, "...")

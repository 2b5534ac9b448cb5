"""`--agents --kill RELAY`: a relay dies under pings, and how long it takes until each pair is back.

The relay's processes get SIGKILL while every other node pings every other. A pair has a live path
when each of its ends is a relay, or has a session with another one. Packets are counted by when
they were sent: a pair was away from its first request without an answer to its last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from meshc.errors import NodeError
from meshc.lab.agent_jobs import READY, AwaitPaths, KillNode
from meshc.lab.lab_session import LabSession
from meshc.lab.probe.measure import Subject
from meshc.lab.probe.ping_stream import Outage, WatchPings
from meshc.lab.report.lab_report import Check, Key, Predicted
from meshc.lab.world.jobs import PlacedJob

LONGEST = 10.0
"""Seconds in which every pair with a live path is back."""
QUIET = 2.0
WATCHED = 25.0


def await_agents(session: LabSession) -> None:
    """Until every agent hears whom it probes. Raises: NodeError."""
    jobs = [PlacedJob(name, AwaitPaths(session.source.interface)) for name in moving(session)]
    _answers(session, jobs)


def moving(session: LabSession) -> list[str]:
    """The nodes whose agent keeps paths."""
    return [name for name in sorted(session.engines) if session.source.keeps_paths(name)]


def check_failover(
    session: LabSession,
    subject: Subject,
    name: str,
    predicted: Mapping[Key, Predicted],
    tell: Callable[[str], None] = lambda _: None,
) -> list[Check]:
    """Kills a relay under pings, and brings it back. Raises: NodeError."""
    await_agents(session)
    keys = [
        key
        for key, value in predicted.items()
        if value.reachable
        and name not in key
        and all(_survives(session, end, name) for end in (key.source, key.target))
    ]
    tell(f"{name} is killed under pings of {len(keys)} pairs")
    found = _watched(session, subject, name, keys)
    slow = {key: one for key, one in found.items() if one.still or one.seconds > LONGEST}
    worst = [f"{k.source} → {k.target}: {_words(one)}" for k, one in slow.items()]
    times = [one.seconds for one in found.values()] or [0.0]
    title = (
        f"{name} is killed: {len(found)} pairs with a live path are back within {LONGEST:g} s "
        f"(median {median(times):.1f} s, longest {max(times):.1f} s)"
    )
    session.lab.call(name, session.down_job(name).job)
    session.lab.call(name, session.up_job(name).job)
    await_agents(session)
    return [Check("failover", title, not slow, "; ".join(worst[:5]), round(max(times), 2))]


def _watched(
    session: LabSession, subject: Subject, name: str, keys: Iterable[Key]
) -> dict[Key, Outage]:
    by_source: dict[str, list[Key]] = {}
    for key in keys:
        by_source.setdefault(key.source, []).append(key)
    jobs: list[PlacedJob[Any]] = [
        PlacedJob(
            source,
            WatchPings(tuple(subject.addresses[k.target][k.family] for k in mine), WATCHED),
        )
        for source, mine in by_source.items()
    ]
    jobs.append(PlacedJob(name, KillNode(session.source.interface, QUIET)))
    *answers, _ = _answers(session, jobs)
    return {
        key: one
        for mine, found in zip(by_source.values(), answers, strict=True)
        for key, one in zip(mine, found, strict=True)
    }


def _answers(session: LabSession, jobs: Sequence[PlacedJob[Any]]) -> list[Any]:
    found = list(session.lab.run(jobs, parallel=len(jobs) or 1, timeout=READY + WATCHED))
    for one in found:
        if one.error:
            raise NodeError(f"{one.place}: {one.error}")
    ordered = {one.number: one.value for one in found}
    return [ordered[number] for number in range(len(jobs))]


def _survives(session: LabSession, end: str, killed: str) -> bool:
    """Whether an end has a relay left: a session with one, or it is one."""
    nodes = session.source.spec.nodes
    if end not in nodes or nodes[end].is_relay:
        return end in nodes
    others = {name for name in nodes if nodes[name].is_relay} - {killed}
    return bool(others & session.source.peers(end))


def _words(one: Outage) -> str:
    return "not back" if one.still else f"{one.seconds:.1f} s"

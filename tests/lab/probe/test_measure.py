from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from meshc.lab.probe import measure
from meshc.lab.probe.measure import Subject
from meshc.lab.probe.ping import Echo, Ping, PingTarget
from meshc.lab.probe.tcp import Greet, Greeting
from meshc.lab.report.lab_report import Key, Measured
from meshc.lab.world.jobs import JobOutcome, PlacedJob

SUBJECT = Subject(
    addresses={
        "a": {4: "10.0.0.1"},
        "b": {4: "10.0.0.2", 6: "fd00::2"},
        "r": {4: "10.0.0.9"},
    },
    mtu={"a": 1420, "b": 1400},
)
AB, BA = Key("a", "b", 4), Key("b", "a", 4)


class FakeLab:
    """Answers jobs from a table: (source, target address, hop limit) -> what was heard."""

    def __init__(self, answers: Mapping[tuple[str, str, int], Echo | Greeting]) -> None:
        self.answers = answers
        self.jobs: list[tuple[str, Ping | Greet]] = []

    def run(self, jobs: Sequence[PlacedJob[Any]], **_: Any) -> Iterator[JobOutcome[Any]]:
        for number, job in enumerate(jobs):
            place, what = job.place, job.job
            assert isinstance(what, Ping | Greet)
            self.jobs.append((place, what))
            if place == "broken":
                yield JobOutcome(number, place, None, "it broke")
            elif isinstance(what, Greet):
                yield JobOutcome(
                    number, place, tuple(self.answers[place, at, 64] for at in what.addresses)
                )
            else:
                asked = [(place, target.address, target.ttl) for target in what.targets]
                heard = tuple(self.answers.get(one, Echo()) for one in asked)
                yield JobOutcome(number, place, heard)

    def pings(self) -> list[tuple[str, PingTarget]]:
        """The first target of each ping, with who asks."""
        return [(place, job.targets[0]) for place, job in self.jobs if isinstance(job, Ping)]


def reply(ttl: int = 64) -> Echo:
    return Echo("reply", ttl=ttl, ms=1.0)


def exceeded(sender: str) -> Echo:
    return Echo("exceeded", sender, 64, 1.0)


def test_one_job_per_source_and_hopeless_pairs_last() -> None:
    lab = FakeLab({("a", "10.0.0.2", 64): reply()})
    found = measure.reachability(lab, SUBJECT, [AB], [BA])  # type: ignore[arg-type]
    assert found == {AB: Measured(True, ms=1.0), BA: Measured(False)}
    assert [(place, target.patient) for place, target in lab.pings()] == [
        ("a", True),
        ("b", False),
    ]


def test_one_direction_of_a_session_comes_first() -> None:
    """Found by the agreement run: on a busy machine two ends that begin at once never meet."""
    heard = {("a", "10.0.0.2", 64): reply(), ("b", "10.0.0.1", 64): reply()}
    lab = FakeLab(heard)
    found = measure.reachability(lab, SUBJECT, [BA, AB], [], first=[AB])  # type: ignore[arg-type]
    assert found.keys() == {AB, BA}
    assert [place for place, _ in lab.pings()] == ["a", "b"]


def test_a_family_that_one_side_lacks_is_not_tried() -> None:
    lab = FakeLab({})
    key = Key("a", "b", 6)
    found = measure.reachability(lab, SUBJECT, [key], [])  # type: ignore[arg-type]
    assert found[key].detail == "no address in this family"
    assert lab.jobs == []


def test_a_job_that_fails_is_said_in_every_pair() -> None:
    subject = Subject({**SUBJECT.addresses, "broken": {4: "10.0.0.7"}}, {})
    key = Key("broken", "a", 4)
    found = measure.reachability(FakeLab({}), subject, [key], [])  # type: ignore[arg-type]
    assert found[key] == Measured(False, detail="it broke")


def test_relays_name_themselves() -> None:
    lab = FakeLab({("a", "10.0.0.2", 1): exceeded("10.0.0.9"), ("a", "10.0.0.2", 2): reply(63)})
    found = measure.paths(lab, SUBJECT, {AB: Measured(True)}, {AB: 1})  # type: ignore[arg-type]
    assert found[AB].path == ("a", "r", "b")


def test_other_paths_look_different() -> None:
    """Straight where a relay was expected, silence in between, another way back, a longer way."""
    cases = {
        ("a", "b"): {1: reply(64)},
        ("a", "?", "b"): {2: reply(63)},
        ("a", "b", "(back over 1 relays)"): {1: reply(63)},
        ("a", "r", "192.0.2.1", "..."): {1: exceeded("10.0.0.9"), 2: exceeded("192.0.2.1")},
    }
    for expected, heard in cases.items():
        lab = FakeLab({("a", "10.0.0.2", ttl): answer for ttl, answer in heard.items()})
        found = measure.paths(lab, SUBJECT, {AB: Measured(True)}, {AB: 1})  # type: ignore[arg-type]
        assert found[AB].path == expected


def test_the_full_size_is_that_of_the_smaller_end() -> None:
    lab = FakeLab({("a", "10.0.0.2", 64): reply()})
    found = measure.sizes(lab, SUBJECT, {AB: Measured(True), BA: Measured(False)})  # type: ignore[arg-type]
    assert lab.pings()[0][1].size == 1400
    assert (found[AB].mtu, found[AB].mtu_ok) == (1400, True)
    assert found[BA].mtu_ok is None


def test_the_full_size_is_that_of_the_smallest_tunnel_on_the_path() -> None:
    """Found by the agreement run: a relay may have an MTU of its own, and W416 says so."""
    subject = replace(SUBJECT, mtu={**SUBJECT.mtu, "r": 1300})
    lab = FakeLab({("a", "10.0.0.2", 64): reply()})
    measured = {AB: Measured(True, ("a", "r", "b"))}
    found = measure.sizes(lab, subject, measured)  # type: ignore[arg-type]
    assert (found[AB].mtu, found[AB].mtu_ok) == (1300, True)


def test_tcp_must_reach_the_machine_that_was_meant() -> None:
    for answer, right in (
        (Greeting("b"), True),
        (Greeting("r"), False),
        (Greeting(error="x"), False),
    ):
        lab = FakeLab({("a", "10.0.0.2", 64): answer})
        found = measure.connections(lab, SUBJECT, {AB: Measured(True)})  # type: ignore[arg-type]
        assert found[AB].tcp is right
        assert bool(found[AB].detail) is not right

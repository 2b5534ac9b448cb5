"""Jobs in processes of their own, in the namespaces that the tests are in."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from meshc.lab.commands import RunCommand
from meshc.lab.world.job_runner import PlaceEntry, run_jobs
from meshc.lab.world.jobs import PlacedJob

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
]


@pytest.fixture
def here() -> Iterator[dict[str, PlaceEntry]]:
    descriptor = os.open("/proc/self/ns/net", os.O_RDONLY)
    yield {"here": PlaceEntry(descriptor, 0)}
    os.close(descriptor)


def shell(line: str) -> PlacedJob[object]:
    return PlacedJob("here", RunCommand(("sh", "-c", line)))


def test_outcomes_come_as_they_finish(here: dict[str, PlaceEntry]) -> None:
    jobs = [shell("sleep 5; echo slow"), shell("echo quick")]
    found = list(run_jobs(jobs, here, parallel=2, timeout=30))
    assert [outcome.number for outcome in found] == [1, 0]
    assert [outcome.answer["output"] for outcome in found] == ["quick\n", "slow\n"]


def test_no_more_run_at_a_time_than_may(here: dict[str, PlaceEntry]) -> None:
    jobs = [shell("sleep 0.3"), shell("true")]
    found = run_jobs(jobs, here, parallel=1, timeout=30)
    assert [outcome.number for outcome in found] == [0, 1]


def test_a_job_that_hangs_is_killed_and_others_go_on(here: dict[str, PlaceEntry]) -> None:
    jobs = [shell("sleep 60"), shell("echo fine")]
    found = {o.number: o for o in run_jobs(jobs, here, parallel=1, timeout=5)}
    assert found[0].error == "no answer within 5 s"
    assert found[1].answer["code"] == 0


def test_a_job_of_another_process_does_not_touch_this_one(here: dict[str, PlaceEntry]) -> None:
    (found,) = run_jobs([shell("echo $PPID")], here, parallel=1, timeout=30)
    assert int(found.answer["output"]) != os.getpid()

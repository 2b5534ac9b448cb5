"""Every job of a lab travels as a value, with its answer; nothing else is run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.lab.commands import RunCommand
from meshc.lab.job_registry import JOB_KINDS, read_job, read_outcome, write_job
from meshc.lab.node_jobs import LabNode, ReadNode
from meshc.lab.world.jobs import Job, JobOutcome, PlacedJob, answer_type
from meshc.lab.world.value_json import from_json, to_json


@settings(deadline=None)
@given(st.data(), st.sampled_from(sorted(JOB_KINDS)))
def test_every_job_and_its_answer_come_back_as_they_were(data: st.DataObject, name: str) -> None:
    kind = JOB_KINDS[name]
    job: Job[Any] = data.draw(st.from_type(kind))
    placed = PlacedJob("there", job)
    assert repr(read_job(json.loads(json.dumps(write_job(placed))))) == repr(placed)
    answer = data.draw(st.from_type(answer_type(kind)))
    back = from_json(answer_type(kind), json.loads(json.dumps(to_json(answer))))
    assert repr(to_json(back)) == repr(to_json(answer))


def test_a_job_that_is_not_registered_is_neither_sent_nor_run() -> None:
    @dataclass(frozen=True)
    class RunCommand(Job[None]):  # of the name of another
        argv: tuple[str, ...] = ()

    with pytest.raises(ValueError, match="is not a registered job"):
        write_job(PlacedJob("a", RunCommand()))
    with pytest.raises(ValueError, match="'os:getpid' is not a registered job"):
        read_job({"place": "a", "kind": "os:getpid", "job": {}})


def test_arguments_of_another_kind_are_refused() -> None:
    with pytest.raises(ValueError, match="is not a list"):
        read_job({"place": "a", "kind": "RunCommand", "job": {"argv": "rm -r /"}})


def test_an_outcome_has_an_answer_or_an_error() -> None:
    placed = PlacedJob("a", ReadNode("wg0"))
    node = LabNode(True, "bundled", 51820)
    told = {"number": 0, "place": "a", "answer": to_json(node), "error": ""}
    assert read_outcome(placed, told) == JobOutcome(0, "a", node)
    failed = read_outcome(placed, {**told, "answer": None, "error": "it broke"})
    with pytest.raises(ValueError, match="a has no answer: it broke"):
        _ = failed.value


def test_a_job_is_equal_to_its_like() -> None:
    assert RunCommand(("true",)) == RunCommand(("true",))
    assert RunCommand(("true",)) != RunCommand(("false",))

from __future__ import annotations

from dataclasses import dataclass

import pytest

from meshc.lab.world.jobs import Job, JobOutcome, answer_type


@dataclass(frozen=True)
class Half:
    number: float


@dataclass(frozen=True)
class Halve(Job[tuple[Half, ...]]):
    numbers: tuple[int, ...]

    def run(self) -> tuple[Half, ...]:
        return tuple(Half(number / 2) for number in self.numbers)


def test_the_answer_is_of_the_type_that_run_declares() -> None:
    assert answer_type(Halve) == tuple[Half, ...]
    assert Halve((4, 1)).run() == (Half(2.0), Half(0.5))


def test_only_a_job_that_worked_has_a_value() -> None:
    assert JobOutcome(0, "a", (Half(1.0),)).value == (Half(1.0),)
    nothing: JobOutcome[object] = JobOutcome(0, "a", None)
    assert nothing.value is None
    with pytest.raises(ValueError, match="a has no answer: it broke"):
        _ = JobOutcome(0, "a", None, "it broke").value

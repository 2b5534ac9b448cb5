"""Jobs: what can be done inside a place of a lab, each a value with its arguments.

A job is run by a forked process in the namespaces of its place (`job_runner.py`); what it answers
comes back as a value of the type that its `run` declares. Which jobs there are is listed once, in
`job_registry.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast, get_type_hints

Answer = TypeVar("Answer", covariant=True)


class Job(Generic[Answer]):
    """Base of all jobs: frozen dataclasses whose fields `value_json` can write."""

    __slots__ = ()

    def run(self) -> Answer:
        """Does it, in the namespaces that this process is in. Raises: NodeError."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class PlacedJob(Generic[Answer]):
    """A job and the place to run it in."""

    place: str
    job: Job[Answer]


@dataclass(frozen=True, slots=True)
class JobOutcome(Generic[Answer]):
    """`number` is the job's position in the batch. `error` is empty when it worked, and only then
    `answer` is what the job's type promises."""

    number: int
    place: str
    answer: Answer | None
    error: str = ""

    @property
    def value(self) -> Answer:
        """The answer of a job that worked."""
        if self.error:
            raise ValueError(f"{self.place} has no answer: {self.error}")
        return cast(Answer, self.answer)


def answer_type(kind: type[Job[Any]]) -> Any:
    """What `run` of this kind of job declares to answer."""
    return get_type_hints(kind.run)["return"]

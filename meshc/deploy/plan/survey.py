"""Asks many nodes for their facts at once, and works out what a deploy would do on each."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from meshc.deploy.connect.dial import Dial
from meshc.deploy.connect.node_session import PasswordNeededError
from meshc.deploy.plan.difference import Difference, difference
from meshc.deploy.plan.machine_findings import in_the_way, machine_findings, question
from meshc.deploy.plan.refusals import cuts, refusals
from meshc.deploy.plan.target import Target
from meshc.deploy.protocol import AskFacts, Facts
from meshc.diagnostics import Diagnostic, Severity
from meshc.errors import NodeError
from meshc.values import dataclass

AGAIN = 5.0
"""Seconds until a node is asked again whether an earlier deploy is over."""
T = TypeVar("T")
Tell = Callable[[str, str], None]
"""Called with a node and the word for the step that it has reached."""


@dataclass(frozen=True, slots=True)
class Surveyed:
    """One node as it is. `facts` is None where it could not be asked; a finding says why.
    `wants_password`: sudo there asked for one and was given none."""

    target: Target
    facts: Facts | None
    difference: Difference
    findings: tuple[Diagnostic, ...] = ()
    wants_password: bool = False

    @property
    def refused(self) -> bool:
        return any(found.severity is Severity.ERROR for found in self.findings)

    @property
    def obstructed(self) -> bool:
        """Whether something is in the way, of a deploy or of the network after it."""
        return self.refused or in_the_way(self.findings)


async def survey(
    targets: Sequence[Target],
    dial: Dial,
    tell: Tell,
    *,
    parallel: int = 8,
    resume: bool = False,
) -> list[Surveyed]:
    """In the order of the targets. Whatever goes wrong on a node is a finding of that node. With
    `resume` a deployment that is under way there is waited for."""
    gate = asyncio.Semaphore(parallel)

    async def one(target: Target) -> Surveyed:
        async with gate:
            tell(target.name, "facts")
            found = await _survey(target, dial)
        while resume and found.facts is not None and (left := found.facts.pending):
            if not left.watched:
                break
            tell(target.name, f"an earlier deploy is over in {left.seconds} s")
            await asyncio.sleep(min(left.seconds + 0.5, AGAIN))
            async with gate:
                found = await _survey(target, dial)
        return found

    return with_cuts(await all_ended(map(one, targets)))


def with_cuts(found: list[Surveyed]) -> list[Surveyed]:
    """A change that cuts off a node which does not change in the same moment is refused: which do
    is known when all have been asked."""
    found = [
        replace(one, findings=tuple(f for f in one.findings if f.code != "E708")) for one in found
    ]
    there = {one.target.name for one in found if one.facts is not None}
    outside = any(not one.target.reached_inside for one in found if one.difference.cuts)
    return [
        replace(one, findings=(*one.findings, *cuts(one.target, one.difference, gone, outside)))
        if one.difference.cuts and ((gone := one.difference.cuts - there) or not outside)
        else one
        for one in found
    ]


async def gathered(work: Sequence[Coroutine[Any, Any, T]], parallel: int) -> list[T]:
    """What each returns, so many at a time."""
    gate = asyncio.Semaphore(parallel)

    async def one(job: Coroutine[Any, Any, T]) -> T:
        async with gate:
            return await job

    return await all_ended(map(one, work))


async def all_ended(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What each returns. An error of one, which is ours, is raised when the others have ended:
    a node that waits for its confirm gets it."""
    ends = await asyncio.gather(*work, return_exceptions=True)
    found = []
    for end in ends:
        if isinstance(end, BaseException):
            raise end
        found.append(end)
    return found


async def _survey(target: Target, dial: Dial) -> Surveyed:
    salt = secrets.token_hex(16)
    try:
        session = await dial(target)
        try:
            facts = await session.call(AskFacts(salt, question(target)))
        finally:
            await session.transport.close()
    except NodeError as error:
        spec = target.plan.spec
        found = Diagnostic("E701", str(error), spec.at("deploy"), f"nodes.{spec.name}", error.hint)
        wants = isinstance(error, PasswordNeededError) and not error.wrong
        return Surveyed(target, None, Difference(node=target.name), (found,), wants)
    found_difference = difference(target, facts, salt)
    findings = [
        *refusals(target, facts, found_difference),
        *machine_findings(target, facts.machine, found_difference),
    ]
    return Surveyed(target, facts, found_difference, tuple(findings))

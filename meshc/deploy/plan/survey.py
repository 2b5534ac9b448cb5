"""Asks many nodes for their facts at once, and works out what a deploy would do on each."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence

from meshc.deploy.connect.dial import Dial
from meshc.deploy.connect.node_session import PasswordNeededError
from meshc.deploy.plan.difference import Difference, difference
from meshc.deploy.plan.refusals import refusals
from meshc.deploy.plan.target import Target
from meshc.deploy.protocol import AskFacts, Facts
from meshc.diagnostics import Diagnostic, Severity
from meshc.errors import NodeError
from meshc.values import dataclass

Tell = Callable[[str, str], None]
"""Called with a node and the word for the step that it has reached."""


@dataclass(frozen=True, slots=True)
class Surveyed:
    """One node as it is. `facts` is None where it could not be asked; a finding says why."""

    target: Target
    facts: Facts | None
    difference: Difference
    findings: tuple[Diagnostic, ...] = ()

    @property
    def refused(self) -> bool:
        return any(found.severity is Severity.ERROR for found in self.findings)


async def survey(
    targets: Sequence[Target], dial: Dial, tell: Tell, *, parallel: int = 8
) -> list[Surveyed]:
    """In the order of the targets. Raises: PasswordNeededError when sudo wants a password; all
    else that goes wrong is a finding."""
    gate = asyncio.Semaphore(parallel)

    async def one(target: Target) -> Surveyed:
        async with gate:
            tell(target.name, "facts")
            return await _survey(target, dial)

    return list(await asyncio.gather(*map(one, targets)))


async def _survey(target: Target, dial: Dial) -> Surveyed:
    salt = secrets.token_hex(16)
    try:
        session = await dial(target)
        try:
            facts = await session.call(AskFacts(salt))
        finally:
            await session.transport.close()
    except PasswordNeededError:
        raise
    except NodeError as error:
        spec = target.plan.spec
        found = Diagnostic("E701", str(error), spec.at("deploy"), f"nodes.{spec.name}", error.hint)
        return Surveyed(target, None, Difference(node=target.name), (found,))
    found_difference = difference(target, facts, salt)
    findings = refusals(target, facts, found_difference)
    return Surveyed(target, facts, found_difference, tuple(findings))

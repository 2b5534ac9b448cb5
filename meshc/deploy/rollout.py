"""Brings differences to nodes: a candidate, confirmed through a new connection, in waves.

The node can roll back at any moment from `stage` to `confirm`, and does so when nobody confirms in
time. The controller never needs to be there for that: whatever happens to it, the node ends with
the old configuration or with the confirmed new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from meshc.deploy.connect.dial import Dial
from meshc.deploy.deploy_outcome import DeployOutcome, End
from meshc.deploy.joint_rollout import roll_out_together
from meshc.deploy.node_deployment import NodeDeployment
from meshc.deploy.plan.joint_group import JointMember, joint_group
from meshc.deploy.plan.survey import Surveyed, Tell, all_ended
from meshc.deploy.plan.target import Target
from meshc.deploy.plan.waves import waves
from meshc.deploy.protocol import Adopt
from meshc.errors import NodeError


async def roll_out(
    surveyed: Sequence[Surveyed],
    dial: Dial,
    tell: Tell,
    *,
    window: float = 60.0,
    parallel: int = 8,
    max_failures: int = 0,
    together: Collection[str] = (),
) -> list[DeployOutcome]:
    """Those that must change in one moment first, with those that shall (`together`); the others
    wave by wave. A wave begins with its canary, and no further node is begun once more than
    `max_failures` have failed. `window` is the seconds after which an unconfirmed node puts itself
    back. A node that could not be asked is left as it is, and is no failure of the others."""
    members = joint_group(surveyed, together)
    return await _RollOut(surveyed, members, dial, tell, window, parallel, max_failures).run()


class _RollOut:
    def __init__(
        self,
        surveyed: Sequence[Surveyed],
        members: Sequence[JointMember],
        dial: Dial,
        tell: Tell,
        window: float,
        parallel: int,
        max_failures: int,
    ) -> None:
        self._surveyed, self._members = surveyed, members
        self._by_name = {one.target.name: one for one in surveyed}
        self._dial, self._tell = dial, tell
        self._window, self._parallel, self._max_failures = window, parallel, max_failures
        self._gate = asyncio.Semaphore(parallel)
        self._ends: dict[str, DeployOutcome] = {}
        self._failed: list[str] = []

    async def run(self) -> list[DeployOutcome]:
        await self._together()
        rest = [one for one in self._surveyed if one.target.name not in self._ends]
        for wave in waves(found.target.plan for found in rest):
            changing = [name for name in wave if self._by_name[name].difference]
            canary = changing[:1]
            for name in canary:
                await self._one(name)
            await all_ended(self._one(name) for name in wave if name not in canary)
        return [self._ends[found.target.name] for found in self._surveyed]

    async def _together(self) -> None:
        """Those that must change in one moment, which fail as one."""
        if not self._members:
            return
        window, parallel = self._window, self._parallel
        ends = await roll_out_together(
            self._members, self._dial, self._tell, window=window, parallel=parallel
        )
        for end in ends:
            self._ended(end)
        self._failed += [end.node for end in ends if not end.good][:1]

    async def _one(self, name: str) -> None:
        async with self._gate:
            found = self._by_name[name]
            if found.facts is None:
                why, hint = "it could not be asked", "deploy again when it can be"
            elif len(self._failed) > self._max_failures:
                why = f"{', '.join(self._failed)} failed before its turn"
                hint = "mend that node, then deploy again"
            else:
                behind = _behind(found, self._by_name)
                end = await deploy_one(
                    found, self._dial, self._tell, window=self._window, behind=behind
                )
                self._failed += [] if end.good else [name]
                self._ended(end)
                return
            self._ended(DeployOutcome(name, End.SKIPPED, why, hint))

    def _ended(self, end: DeployOutcome) -> None:
        self._ends[end.node] = end
        self._tell(end.node, end.end.value)


def _behind(one: Surveyed, surveyed: Mapping[str, Surveyed]) -> list[Target]:
    """The nodes that were reached through the tunnels, where this one may be on the way."""
    spec = one.target.plan.spec
    if not (spec.is_relay or spec.routes or spec.exit_node):
        return []
    there = (surveyed[name] for name in sorted(one.target.behind) if name in surveyed)
    return [found.target for found in there if found.facts is not None]


async def deploy_one(
    found: Surveyed,
    dial: Dial,
    tell: Tell,
    *,
    window: float,
    behind: Sequence[Target] = (),
) -> DeployOutcome:
    """One node: stage, commit confirmed, verify through a new connection, confirm. Never raises
    NodeError."""
    name = found.target.name
    try:
        if found.difference.adopt:
            await _adopt(found, dial)
    except NodeError as error:
        return DeployOutcome(name, End.FAILED, str(error), error.hint)
    if not found.difference:
        return DeployOutcome(name, End.UNCHANGED)
    return await NodeDeployment(found, dial, tell, window, behind=behind).run()


async def _adopt(found: Surveyed, dial: Dial) -> None:
    session = await dial(found.target)
    try:
        await session.call(Adopt(found.target.sha, found.target.mark))
    finally:
        await session.transport.close()

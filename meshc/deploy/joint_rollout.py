"""A change that cuts the way to some of its nodes, brought to both ends in one moment.

Theory of operation
-------------------
The operator reaches a node through the tunnels, and the change is one that both ends must know of
(a key, a port, an address): whichever end has it first cannot be told anything about the other.
So every member is staged, then armed: told when to put its candidate to work, which it does by
itself. Where one of them gets another key the others take that up with its first session
(`remote.key_handover`), so that next to nothing is lost. After that moment each is verified through
a new connection, which now leads through the new network, and only when all have answered they are
confirmed, those on the way before those behind them.

Nobody is needed to get out of any state. A member that is reached from outside (depth 0) puts
itself back when its window is over without a confirm. One behind it begins to decide `GRACE`
seconds later, by what it finds: a peer on its way that goes on answering under the new
configuration has kept it, so that going back would cut this node off; if none answers, they have
gone back, and so does this one. A peer may be late with going back: what counts is that it still
answers `remote.watcher.SURE` times as long after that. A member at depth n waits n times as long.
Silence proves nothing where the member's own line was cut just then: having gone back it listens
for the same peers where they were before, and when they are silent there as well, it takes the
candidate up again, and so on, until one of the two answers.
So the controller may die between any two requests.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from meshc.deploy.connect.dial import Dial
from meshc.deploy.connect.node_session import NodeSession
from meshc.deploy.deploy_outcome import DeployOutcome, End
from meshc.deploy.node_deployment import NodeDeployment, StepFault
from meshc.deploy.plan.difference import Cost
from meshc.deploy.plan.joint_group import JointMember
from meshc.deploy.plan.survey import Tell, all_ended
from meshc.errors import NodeError

GRACE = 25.0
"""Seconds for what is put back nearer; with what follows, for a node that is late with it."""
LEAD = 1.0
"""Seconds that a node with a new key is behind the others: they know the key by then, and look out
for it (`remote.key_handover`)."""
_DELAY = 2.0
"""Seconds until all switch, at least: each is told over its connection."""


async def roll_out_together(
    members: Sequence[JointMember], dial: Dial, tell: Tell, *, window: float, parallel: int
) -> list[DeployOutcome]:
    """All of them, or none."""
    return await _Together(members, dial, tell, window, parallel).run()


class _Together:
    def __init__(
        self,
        members: Sequence[JointMember],
        dial: Dial,
        tell: Tell,
        window: float,
        parallel: int,
    ) -> None:
        self._dial, self._window = dial, window
        self._gate = asyncio.Semaphore(parallel)
        self._depths = {member.found.target.name: member.depth for member in members}
        self._parts = [
            NodeDeployment(
                member.found,
                dial,
                tell,
                window,
                grace=GRACE * member.depth,
                way=member.way,
                way_before=member.before,
            )
            for member in sorted(members, key=lambda one: one.depth)
        ]
        self._sessions: dict[str, NodeSession] = {}

    async def run(self) -> list[DeployOutcome]:
        try:
            at = await self._arm()
        finally:
            for session in self._sessions.values():
                await session.transport.close()
        if isinstance(at, list):
            return at
        last = max(at + _behind(part) for part in self._parts)
        await asyncio.sleep(max(0.0, last - time.monotonic()))
        faults = await self._each(self._parts, NodeDeployment.verify)
        return await (self._back(faults) if faults else self._confirm())

    async def _arm(self) -> float | list[DeployOutcome]:
        """When they switch; or how it ended, with nothing changed."""
        faults = await self._each(self._parts, self._open)
        if faults:
            return self._nothing(faults)
        began = time.monotonic()
        for depth in sorted(set(self._depths.values())):  # those nearer end their window first
            faults |= await self._each(self._at(depth), self._stage)
        # a request to each of them took no longer than that, and the next one will not either
        took = time.monotonic() - began
        at = time.monotonic() + min(_DELAY + took, self._window / 3)
        if not faults:
            faults = await self._each(self._parts, lambda part: self._commit(part, at))
        if not faults and time.monotonic() > at:
            faults = {self._parts[0].name: StepFault("it took too long to tell every node when")}
        if faults:
            await self._each(self._parts, self._take_back)
            return self._nothing(faults)
        return at

    async def _open(self, part: NodeDeployment) -> StepFault | None:
        try:
            session = self._sessions[part.name] = await self._dial(part.target)
        except NodeError as error:
            return StepFault(str(error), error.hint)
        return await part.install(session)

    async def _stage(self, part: NodeDeployment) -> StepFault | None:
        return await _tried(part.stage(self._sessions[part.name]))

    async def _commit(self, part: NodeDeployment, at: float) -> StepFault | None:
        delay = max(0.1, at - time.monotonic()) + _behind(part)
        return await _tried(part.commit(self._sessions[part.name], delay))

    async def _take_back(self, part: NodeDeployment) -> StepFault | None:
        """Before the switch; one that does not hear it does so by itself."""
        from meshc.deploy.protocol import RollBack

        with suppress(NodeError):
            await self._sessions[part.name].call(RollBack(part.token), timeout=10)
        return None

    async def _confirm(self) -> list[DeployOutcome]:
        """Those nearer first: what the others find decides for them should nobody tell them."""
        found: list[DeployOutcome] = []
        for depth in sorted(set(self._depths.values())):
            ends = await all_ended(part.confirm() for part in self._at(depth))
            found += ends
            bad = {end.node: StepFault(end.message, end.hint) for end in ends if not end.good}
            if bad and depth == 0:
                return [*found, *await self._back(bad, done=frozenset(e.node for e in found))]
        return found

    async def _back(
        self, faults: dict[str, StepFault], done: frozenset[str] = frozenset()
    ) -> list[DeployOutcome]:
        """The farthest first, as long as they can be told."""
        rest = [part for part in self._parts if part.name not in done]
        for depth in sorted(set(self._depths.values()), reverse=True):
            await self._each([p for p in self._at(depth) if p in rest], _roll_back)
        others = StepFault(f"put back together with {_names(faults)}", _first(faults).hint)
        return await all_ended(part.learn(faults.get(part.name, others)) for part in rest)

    def _nothing(self, faults: dict[str, StepFault]) -> list[DeployOutcome]:
        others = StepFault(f"it changes together with {_names(faults)}, which failed")
        return [part.ended(End.FAILED, faults.get(part.name, others)) for part in self._parts]

    def _at(self, depth: int) -> list[NodeDeployment]:
        return [part for part in self._parts if self._depths[part.name] == depth]

    async def _each(
        self,
        parts: Sequence[NodeDeployment],
        step: Callable[[NodeDeployment], Awaitable[StepFault | None]],
    ) -> dict[str, StepFault]:
        """What went wrong, by node."""

        async def one(part: NodeDeployment) -> StepFault | None:
            async with self._gate:
                return await step(part)

        faults = await all_ended(map(one, parts))
        return {part.name: fault for part, fault in zip(parts, faults, strict=True) if fault}


def _behind(part: NodeDeployment) -> float:
    return LEAD if part.difference.cost is Cost.RENEWED else 0.0


async def _tried(step: Awaitable[None]) -> StepFault | None:
    try:
        await step
    except NodeError as error:
        return StepFault(str(error), error.hint)
    return None


async def _roll_back(part: NodeDeployment) -> None:
    await part.roll_back()


def _names(faults: dict[str, StepFault]) -> str:
    return ", ".join(sorted(faults))


def _first(faults: dict[str, StepFault]) -> StepFault:
    return next(iter(faults.values()))

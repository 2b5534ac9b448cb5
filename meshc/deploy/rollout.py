"""Brings differences to nodes: a candidate, confirmed through a new connection, in waves.

The node can roll back at any moment from `stage` to `confirm`, and does so when nobody confirms in
time. The controller never needs to be there for that: whatever happens to it, the node ends with
the old configuration or with the confirmed new one.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum

from meshc.deploy.bundle import archive, bundle
from meshc.deploy.connect import sent_program
from meshc.deploy.connect.dial import Dial
from meshc.deploy.connect.node_session import NoAnswerError, NodeSession, RemoteError
from meshc.deploy.connect.transport import TransportError
from meshc.deploy.plan.meshc_environment import PackageSource
from meshc.deploy.plan.supervisor_choice import SupervisorChoice
from meshc.deploy.plan.survey import Surveyed, Tell, all_ended
from meshc.deploy.plan.waves import waves
from meshc.deploy.protocol import (
    Activation,
    Adopt,
    AskFacts,
    CommitConfirmed,
    Confirm,
    InstallMeshc,
    RemoveUnused,
    RollBack,
    StageCandidate,
    State,
    Verified,
    Verify,
)
from meshc.errors import NodeError
from meshc.values import dataclass

RETRY = 0.5
PATIENCE = 20.0
INSTALL = 1800.0
"""Seconds for the packages of meshc over a slow line, or for pip on a slow machine."""


class End(Enum):
    UNCHANGED = "up to date"
    COMMITTED = "deployed"
    RESTORED = "put back"
    FAILED = "failed, nothing changed"
    UNKNOWN = "not answering"
    SKIPPED = "not begun"


@dataclass(frozen=True, slots=True)
class DeployOutcome:
    """How it ended on one node; `message` says why where it did not go well."""

    node: str
    end: End
    message: str = ""
    hint: str = ""

    @property
    def good(self) -> bool:
        return self.end in (End.UNCHANGED, End.COMMITTED)


async def roll_out(
    surveyed: Sequence[Surveyed],
    dial: Dial,
    tell: Tell,
    *,
    window: float = 60.0,
    parallel: int = 8,
    max_failures: int = 0,
) -> list[DeployOutcome]:
    """Wave by wave; a wave begins with its canary, and no further node is begun once more than
    `max_failures` have failed. `window` is the seconds after which an unconfirmed node puts itself
    back. A node that could not be asked is left as it is, and is no failure of the others."""
    by_name = {one.target.name: one for one in surveyed}
    ends: dict[str, DeployOutcome] = {}
    gate = asyncio.Semaphore(parallel)
    failed: list[str] = []

    async def one(name: str) -> None:
        async with gate:
            if by_name[name].facts is None:
                ends[name] = DeployOutcome(
                    name, End.SKIPPED, "it could not be asked", "deploy again when it can be"
                )
            elif len(failed) > max_failures:
                why = f"{', '.join(failed)} failed before its turn"
                ends[name] = DeployOutcome(
                    name, End.SKIPPED, why, "mend that node, then deploy again"
                )
            else:
                ends[name] = await deploy_one(by_name[name], dial, tell, window=window)
                if not ends[name].good:
                    failed.append(name)
            tell(name, ends[name].end.value)

    for wave in waves(found.target.plan for found in surveyed):
        changing = [name for name in wave if by_name[name].difference]
        canary = changing[:1]
        for name in canary:
            await one(name)
        await all_ended(one(name) for name in wave if name not in canary)
    return [ends[found.target.name] for found in surveyed]


async def deploy_one(found: Surveyed, dial: Dial, tell: Tell, *, window: float) -> DeployOutcome:
    """One node: stage, commit confirmed, verify through a new connection, confirm. Never raises
    NodeError."""
    name = found.target.name
    try:
        if found.difference.adopt:
            await _adopt(found, dial)
    except NodeError as error:
        return DeployOutcome(name, End.FAILED, str(error), error.hint)
    activation, choice = found.difference.activation, found.difference.choice
    if activation is None or choice is None:
        return DeployOutcome(name, End.UNCHANGED)
    return await _Deployment(found, dial, tell, window, activation, choice).run()


async def _adopt(found: Surveyed, dial: Dial) -> None:
    session = await dial(found.target)
    try:
        await session.call(Adopt(found.target.sha))
    finally:
        await session.transport.close()


class _Deployment:
    """One deployment of one node, from `stage` to its end."""

    def __init__(
        self,
        found: Surveyed,
        dial: Dial,
        tell: Tell,
        window: float,
        activation: Activation,
        choice: SupervisorChoice,
    ) -> None:
        self.target, self.difference = found.target, found.difference
        self.activation, self.choice = activation, choice
        self.sha = found.facts.sha if found.facts else ""
        self.name = found.target.name
        self.token = secrets.token_hex(8)
        self.window = window
        self.end = time.monotonic() + window
        self._dial, self._tell = dial, tell

    async def run(self) -> DeployOutcome:
        try:
            session = await self._dial(self.target)
        except NodeError as error:
            return DeployOutcome(self.name, End.FAILED, str(error), error.hint)
        try:
            ended = await self._begin(session)
        finally:
            await session.transport.close()
        return ended or await self._confirm()

    async def _begin(self, session: NodeSession) -> DeployOutcome | None:
        """Up to the commit, over the first connection; None when it is to be confirmed."""
        try:
            await self._install(session)
        except NodeError as error:
            return DeployOutcome(self.name, End.FAILED, str(error), error.hint)
        try:
            await self._stage(session)
        except TransportError as error:
            return await self._learn(str(error), error.hint)
        except NodeError as error:
            if self.choice.meshc is not None:
                with suppress(NodeError):  # else the next deploy removes what nobody uses
                    await session.call(RemoveUnused())
            return DeployOutcome(self.name, End.FAILED, str(error), error.hint)
        try:
            self._tell(self.name, "commit")
            # an answer that does not come may mean that the path was cut: the next step finds out
            with suppress(TransportError):
                await session.call(CommitConfirmed(self.token), timeout=self.window)
            self._tell(self.name, "committed")
        except NoAnswerError as error:
            return await self._learn(str(error), error.hint)
        except RemoteError as error:
            return DeployOutcome(self.name, End.RESTORED, str(error), error.hint)
        return None

    async def _install(self, session: NodeSession) -> None:
        """meshc itself, where the node needs one; nothing uses it before the commit."""
        wanted = self.choice.meshc
        if wanted is None or wanted.there:
            return
        self._tell(self.name, "install")
        fetched = wanted.source is PackageSource.FETCHED
        packed = await asyncio.to_thread(archive, whole=not fetched)
        await session.call(
            InstallMeshc(
                identity=wanted.identity,
                locked=bundle().locked() if fetched else "",
                size=len(packed.content),
                sha256=packed.sha256,
            ),
            payload=packed.content,
            timeout=INSTALL,
        )
        self._tell(self.name, "installed")

    async def _stage(self, session: NodeSession) -> None:
        self._tell(self.name, "stage")
        self.end = time.monotonic() + self.window
        await session.call(
            StageCandidate(
                token=self.token,
                window=self.window,
                sha=self.sha,
                activation=self.activation,
                supervisor=self.choice.supervisor,
                env=self.choice.env,
                routes=self.difference.routes,
                environment=self.choice.meshc.identity if self.choice.meshc else "",
                conf=self.target.conf.reveal(),
                node_json=self.target.node_json,
                program=sent_program.program(),
            )
        )
        self._tell(self.name, "staged")

    async def _confirm(self) -> DeployOutcome:
        """Until the deadline: connect anew, verify, confirm. A broken connection is tried again."""
        last = "no new connection"
        while time.monotonic() < self.end:
            try:
                session = await self._dial(self.target, timeout=max(1.0, self._left()))
            except TransportError as error:
                last = str(error)
                await asyncio.sleep(RETRY)
                continue
            try:
                return await self._verify_and_confirm(session)
            except TransportError as error:
                last = str(error)
            except RemoteError as error:
                return await self._learn(str(error), error.hint)
            finally:
                await session.transport.close()
        return await self._learn(
            f"{self.name} was not reached through a new connection in {self.window:g} s: {last}",
            "the new configuration probably cuts the way from here to the node",
        )

    async def _verify_and_confirm(self, session: NodeSession) -> DeployOutcome:
        self._tell(self.name, "verify")
        patience = max(1.0, self._left() * 0.7)
        seen = await session.call(
            Verify(
                token=self.token,
                public_key=str(self.target.plan.public_key),
                peers=self._steady_peers(),
                patience=patience,
            ),
            timeout=patience + 10,
        )
        self._tell(self.name, "verified")
        fault = _fault(self.name, seen)
        if fault:
            await session.call(RollBack(self.token))
            return DeployOutcome(
                self.name, End.RESTORED, fault, "nothing of the new one is left there"
            )
        self._tell(self.name, "confirm")
        await session.call(Confirm(self.token))
        self._tell(self.name, "confirmed")
        missing = len(seen.before) - len(seen.alive)
        quiet = f"{missing} of {len(seen.before)} peers have not answered again"
        return DeployOutcome(self.name, End.COMMITTED, quiet if missing else "")

    async def _learn(self, why: str, hint: str) -> DeployOutcome:
        """Waits until the node has put itself back, and asks it."""
        self._tell(self.name, "waiting for the node to put itself back")
        end = self.end + PATIENCE
        while time.monotonic() < end:
            await asyncio.sleep(RETRY)
            try:
                session = await self._dial(self.target, timeout=5)
                try:
                    state = (await session.call(AskFacts(""))).state
                finally:
                    await session.transport.close()
            except NodeError:
                continue
            if state in (State.ROLLED_BACK, State.IDLE):
                return DeployOutcome(self.name, End.RESTORED, why, hint)
            if state is State.CONFIRMED:
                return DeployOutcome(self.name, End.COMMITTED, "")
        return DeployOutcome(
            self.name,
            End.UNKNOWN,
            f"{why}; it has not answered since",
            "it puts back what ran before by itself; look at it when it can be reached again",
        )

    def _left(self) -> float:
        return self.end - time.monotonic()

    def _steady_peers(self) -> dict[str, str]:
        """Where to ping the peers whose session must come back: public key to tunnel address."""
        return {
            key: address
            for key, address in self.target.inside.items()
            if key in self.difference.steady
        }


def _fault(name: str, seen: Verified) -> str:
    """What is wrong with a node after the new configuration was applied; empty: nothing."""
    if not seen.up:
        return f"{name}: the interface is not up with the new configuration"
    if not seen.good:
        return f"{name}: the interface runs with another key than it should"
    if seen.before and not seen.alive:
        count = len(seen.before)
        return f"{name}: none of the {count} peers that it talked to before answers any more"
    return ""

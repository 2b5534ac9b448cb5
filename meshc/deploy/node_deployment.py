"""One deployment of one node as the controller drives it, step by step, from `stage` to its end.

A step that goes wrong is a `StepFault`; no step raises NodeError.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import count

from meshc.deploy.bundle import archive, bundle
from meshc.deploy.connect import sent_program
from meshc.deploy.connect.dial import Dial
from meshc.deploy.connect.node_session import (
    NoAnswerError,
    NodeSession,
    RemoteError,
    said_by_node,
)
from meshc.deploy.connect.transport import TransportError
from meshc.deploy.deploy_outcome import DeployOutcome, End
from meshc.deploy.plan.meshc_environment import PackageSource
from meshc.deploy.plan.survey import Surveyed, Tell
from meshc.deploy.plan.target import Target
from meshc.deploy.protocol import (
    AskFacts,
    CommitConfirmed,
    Confirm,
    Facts,
    FailureReason,
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
FIRST_TRY = 8.0
"""Seconds for the first of new connections, and twice as many for each one after it: what was sent
into a tunnel that was not there yet is sent again after ever longer times, so that one that began
too early would take the whole window, and a new one is there in a moment."""
PATIENCE = 20.0
INSTALL = 1800.0
"""Seconds for the packages of meshc over a slow line, or for pip on a slow machine."""
DECIDES = 30.0
"""Seconds in which a node tries its way to the operator before it puts itself back
(`remote.watcher.WAY`)."""
_BUSY = (State.ARMED, State.COMMITTING, State.COMMIT_CONFIRMED)
"""Where one that was too early for a step may be by the time that its state is asked for."""


@dataclass(frozen=True, slots=True)
class StepFault:
    """What went wrong, and what to do."""

    message: str
    hint: str = ""


class NodeDeployment:
    """`way`, `way_before` and `grace` are those of `StageCandidate`; `behind` are the nodes that
    must be reached before this one is confirmed, because the way to them may lead through it."""

    def __init__(
        self,
        found: Surveyed,
        dial: Dial,
        tell: Tell,
        window: float,
        *,
        grace: float = 0.0,
        way: Mapping[str, str] | None = None,
        way_before: Mapping[str, str] | None = None,
        behind: Sequence[Target] = (),
    ) -> None:
        activation, choice = found.difference.activation, found.difference.choice
        assert activation is not None
        assert choice is not None
        self.target, self.difference = found.target, found.difference
        self.activation, self.choice = activation, choice
        self.sha = found.facts.sha if found.facts else ""
        self.name = found.target.name
        self.token = secrets.token_hex(8)
        self.window, self.grace = window, grace
        self.way, self.way_before = way or {}, way_before or {}
        self.end = time.monotonic() + window
        self._dial, self._tell, self._behind = dial, tell, behind

    async def run(self) -> DeployOutcome:
        """All of it, for a node that changes alone."""
        try:
            session = await self._dial(self.target)
        except NodeError as error:
            return self.ended(End.FAILED, StepFault(str(error), error.hint))
        try:
            ended = await self._begin(session)
        finally:
            await session.transport.close()
        if ended is not None:
            return ended
        fault = await self.verify()
        if fault is not None:
            await self.roll_back()
            return await self.learn(fault)
        return await self.confirm()

    async def _begin(self, session: NodeSession) -> DeployOutcome | None:
        """Up to the commit, over the first connection; None when it is to be confirmed."""
        fault = await self.install(session)
        if fault is not None:
            return self.ended(End.FAILED, fault)
        try:
            await self.stage(session)
        except TransportError as error:
            return await self.learn(StepFault(str(error), error.hint))
        except NodeError as error:
            return self.ended(End.FAILED, StepFault(str(error), error.hint))
        try:
            # an answer that does not come may mean that the path was cut: the next step finds out
            with suppress(TransportError):
                await self.commit(session)
        except NoAnswerError as error:
            return await self.learn(StepFault(str(error), error.hint))
        except RemoteError as error:
            return self.ended(End.RESTORED, StepFault(str(error), error.hint))
        return None

    async def install(self, session: NodeSession) -> StepFault | None:
        """meshc itself, where the node needs one; nothing uses it before the commit."""
        wanted = self.choice.meshc
        if wanted is None or wanted.there:
            return None
        self._tell(self.name, "install")
        fetched = wanted.source is PackageSource.FETCHED
        packed = await asyncio.to_thread(archive, whole=not fetched)
        request = InstallMeshc(
            identity=wanted.identity,
            locked=bundle().locked() if fetched else "",
            size=len(packed.content),
            sha256=packed.sha256,
        )
        try:
            await session.call(request, payload=packed.content, timeout=INSTALL)
        except NodeError as error:
            return StepFault(str(error), error.hint)
        self._tell(self.name, "installed")
        return None

    async def stage(self, session: NodeSession) -> None:
        """The window begins. Raises: NodeError."""
        self._tell(self.name, "stage")
        self.end = time.monotonic() + self.window
        request = StageCandidate(
            token=self.token,
            window=self.window,
            grace=self.grace,
            way=self.way,
            way_before=self.way_before,
            sha=self.sha,
            activation=self.activation,
            supervisor=self.choice.supervisor,
            env=self.choice.env,
            routes=self.difference.routes,
            environment=self.choice.meshc.identity if self.choice.meshc else "",
            mark=self.target.mark,
            conf=self.target.conf.reveal(),
            node_json=self.target.node_json,
            program=sent_program.program(),
        )
        try:
            await session.call(request)
        except TransportError:
            raise
        except NodeError:
            if self.choice.meshc is not None:
                with suppress(NodeError):  # else the next deploy removes what nobody uses
                    await session.call(RemoveUnused())
            raise
        self._tell(self.name, "staged")

    async def commit(self, session: NodeSession, delay: float = 0.0) -> None:
        """Now, or so many seconds from now. Raises: NodeError."""
        self._tell(self.name, "commit")
        await session.call(CommitConfirmed(self.token, delay), timeout=self.window)
        self._tell(self.name, "committed")

    async def verify(self) -> StepFault | None:
        """Until the deadline, through new connections: the node, then those behind it."""
        last, tries = "no new connection", _tries(self.end)
        while self.left() > 0:
            try:
                session = await self._dial(self.target, timeout=next(tries))
            except TransportError as error:
                last = str(error)
                await asyncio.sleep(RETRY)
                continue
            except NodeError as error:
                return StepFault(str(error), error.hint)
            try:
                fault = await self._verify(session)
            except TransportError as error:
                last = str(error)
                continue
            except RemoteError as error:
                busy, fault = await self._why(session, error)
                if busy:
                    await asyncio.sleep(RETRY)
                    continue
            finally:
                await session.transport.close()
            return fault or await self._verify_behind()
        return StepFault(
            f"{self.name} was not reached through a new connection in {self.window:g} s: {last}",
            "the new configuration probably cuts the way from here to the node",
        )

    async def _verify(self, session: NodeSession) -> StepFault | None:
        self._tell(self.name, "verify")
        patience = max(1.0, self.left() * 0.7)
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
        missing = len(seen.before) - len(seen.alive)
        if missing:
            self.remark = f"{missing} of {len(seen.before)} peers have not answered again"
        return StepFault(fault, "nothing of the new one is left there") if fault else None

    remark = ""
    """What the verification saw that is no fault."""

    async def _why(self, session: NodeSession, error: RemoteError) -> tuple[bool, StepFault]:
        """What it means that the deployment is refused: it may be at work still."""
        fault = StepFault(str(error), error.hint)
        if error.reason is not FailureReason.OVER:
            return False, fault
        with suppress(NodeError):
            facts = await session.call(AskFacts(""))
            if facts.failed:
                fault = StepFault(f"{self.name}: {said_by_node(facts.failed)}", error.hint)
            return facts.state in _BUSY, fault
        return False, fault

    async def _verify_behind(self) -> StepFault | None:
        """What was reached before the change is reached after it."""
        end = time.monotonic() + max(1.0, self.left() * 0.7)
        gate = asyncio.Semaphore(8)

        async def reached(target: Target) -> bool:
            tries = _tries(end)
            while time.monotonic() < end:
                async with gate:
                    try:
                        session = await self._dial(target, timeout=next(tries))
                        await session.transport.close()
                        return True
                    except NodeError:
                        pass
                await asyncio.sleep(RETRY)
            return False

        if self._behind:
            self._tell(self.name, "verify what is behind it")
        answers = await asyncio.gather(*map(reached, self._behind))
        pairs = zip(self._behind, answers, strict=True)
        gone = sorted(target.name for target, answered in pairs if not answered)
        if not gone:
            return None
        return StepFault(
            f"{self.name}: {', '.join(gone)} is not reached any more",
            "the way there leads through the tunnels, and this change cuts it",
        )

    async def confirm(self) -> DeployOutcome:
        """Until the deadline. A broken connection is tried again."""
        last = StepFault(f"{self.name} could not be told that the change stays")
        self._tell(self.name, "confirm")
        tries = _tries(self.end)
        while self.left() > 0:
            try:
                session = await self._dial(self.target, timeout=next(tries))
                try:
                    kept = (await session.call(Confirm(self.token))).kept
                finally:
                    await session.transport.close()
            except TransportError as error:
                last = StepFault(str(error), error.hint)
                await asyncio.sleep(RETRY)
                continue
            except NodeError as error:
                last = StepFault(str(error), error.hint)
                break
            self._tell(self.name, "confirmed")
            beside = f"what somebody else had written there lies in {kept}" if kept else ""
            said = "\n".join(filter(None, (self.remark, beside)))
            return DeployOutcome(self.name, End.COMMITTED, said)
        return await self.learn(last)

    async def roll_back(self) -> None:
        """At once, where it can be told; else it does so by itself."""
        with suppress(NodeError):
            session = await self._dial(self.target, timeout=5)
            try:
                await session.call(RollBack(self.token), timeout=30)
            finally:
                await session.transport.close()

    async def learn(self, fault: StepFault) -> DeployOutcome:
        """Waits until the node has put itself back, and asks it."""
        self._tell(self.name, "waiting for the node to put itself back")
        end = self.end + self.grace + PATIENCE + (DECIDES if self.way else 0.0)
        while time.monotonic() < end:
            facts = await self._facts()
            if facts is not None and facts.state in (State.ROLLED_BACK, State.IDLE):
                return self.ended(End.RESTORED, fault)
            if facts is not None and facts.state is State.CONFIRMED:
                return DeployOutcome(self.name, End.COMMITTED, "")
            await asyncio.sleep(RETRY)
        return DeployOutcome(
            self.name,
            End.UNKNOWN,
            f"{fault.message}; it has not answered since",
            "it puts back what ran before by itself; look at it when it can be reached again",
        )

    async def _facts(self) -> Facts | None:
        with suppress(NodeError):
            session = await self._dial(self.target, timeout=5)
            try:
                return await session.call(AskFacts(""))
            finally:
                await session.transport.close()
        return None

    def ended(self, end: End, fault: StepFault) -> DeployOutcome:
        return DeployOutcome(self.name, end, fault.message, fault.hint)

    def left(self) -> float:
        """Seconds until the node puts itself back."""
        return self.end - time.monotonic()

    def _steady_peers(self) -> dict[str, str]:
        """Where to ping the peers whose session must come back: public key to tunnel address."""
        return {
            key: address
            for key, address in self.target.inside.items()
            if key in self.difference.steady
        }


def _tries(end: float) -> Iterator[float]:
    """How long each of several connections may take, until then."""
    for number in count():
        yield min(FIRST_TRY * 2 ** min(number, 9), max(1.0, end - time.monotonic()))


def _fault(name: str, seen: Verified) -> str:
    """What is wrong with a node after the new configuration was applied; empty: nothing."""
    if not seen.up:
        return f"{name}: the interface is not up with the new configuration"
    if not seen.good:
        return f"{name}: the interface runs with another key than it should"
    if not seen.way:
        return f"{name}: none of the peers on the way to it answers"
    if seen.before and not seen.alive:
        count = len(seen.before)
        return f"{name}: none of the {count} peers that it talked to before answers any more"
    return ""

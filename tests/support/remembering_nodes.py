"""Nodes that remember what was deployed to them, in memory: a file, and the one that waits for its
confirm."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from meshc.deploy.plan.survey import Surveyed, survey
from meshc.deploy.plan.target import Target
from meshc.deploy.protocol import (
    AskFacts,
    AskPeers,
    CommitConfirmed,
    Facts,
    Reached,
    ReachedState,
    RunningInterface,
    RunningPeer,
    StageCandidate,
    State,
    Supervisor,
    Verified,
    Verify,
)
from meshc.deploy.remote.base import redact
from meshc.wg.conf import parse
from tests.support.fakenode import FACTS, FakeNodes


@dataclass
class Memory:
    """What runs, and what ran before where that is put back without a confirm."""

    conf: str = ""
    before: str | None = None
    staged: str = ""
    state: State = State.IDLE


class RememberingNodes(FakeNodes):
    """`memory` by node. `silent` answer no ping, `lost` cannot be reached; `asked` is called before
    every request."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.memory = {name: Memory() for name in names}
        self.silent: set[str] = set()
        self.asked: Callable[[], None] = lambda: None
        for name in names:
            self._remember(name)

    def hosts(self, spec: Any) -> tuple[str, ...]:
        return (spec.deploy.host or "",)

    def ask(self, targets: list[Target]) -> list[Surveyed]:
        return asyncio.run(survey(targets, self, lambda *_: None))

    def windows_are_over(self) -> None:
        """Nobody has confirmed."""
        for one in self.memory.values():
            if one.before is not None:
                one.conf, one.before, one.state = one.before, None, State.ROLLED_BACK

    def _remember(self, name: str) -> None:
        one = self.memory[name]

        def facts(request: AskFacts) -> Facts:
            return _facts(one, request.salt)

        def stage(request: StageCandidate) -> ReachedState:
            one.staged, one.before, one.state = request.conf, one.conf, State.CANDIDATE
            return ReachedState(one.state)

        def commit(request: CommitConfirmed) -> ReachedState:
            one.conf, one.state = one.staged, State.COMMIT_CONFIRMED
            return ReachedState(one.state)

        def confirm(request: object) -> ReachedState:
            one.before, one.state = None, State.CONFIRMED
            return ReachedState(one.state)

        def roll_back(request: object) -> ReachedState:
            self.windows_are_over()
            return ReachedState(State.ROLLED_BACK)

        def verify(request: Verify) -> Verified:
            peers = tuple(sorted(request.peers))
            return Verified(True, True, True, request.public_key, peers, peers)

        def reached(request: AskPeers) -> Reached:
            return Reached(() if name in self.silent else tuple(request.peers))

        verbs = {
            "facts": facts,
            "stage": stage,
            "commit-confirmed": commit,
            "verify": verify,
            "confirm": confirm,
            "roll-back": roll_back,
            "peers": reached,
        }
        self.answers |= {(name, verb): self._noticed(do) for verb, do in verbs.items()}

    def _noticed(self, do: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def answer(request: Any) -> Any:
            self.asked()
            return do(request)

        return answer


def _facts(one: Memory, salt: str) -> Facts:
    if not one.conf:
        return FACTS
    text = redact(one.conf, salt)
    sha = hashlib.sha256(one.conf.encode()).hexdigest()
    conf = parse(one.conf)
    assert conf.private_key is not None
    running = RunningInterface(
        up=True,
        supervisor=Supervisor.WG_QUICK,
        public_key=str(conf.private_key.public_key()),
        port=conf.listen_port or 0,
        peers={
            str(peer.public_key): RunningPeer(tuple(sorted(map(str, peer.allowed_ips))), 1)
            for peer in conf.peers
        },
    )
    known = {"sha": sha, "conf": text, "node_json_sha": "1"}
    return replace(
        FACTS,
        **known,
        deployed_sha=sha,
        deployed=text,
        deployed_env={},
        state=one.state,
        running=running,
    )

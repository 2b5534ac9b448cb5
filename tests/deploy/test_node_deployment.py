"""The steps of one deployment, where the node answers early, late, or for somebody else."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meshc.deploy import node_deployment
from meshc.deploy.connect.node_session import NodeSession
from meshc.deploy.connect.transport import TransportError
from meshc.deploy.node_deployment import NodeDeployment, StepFault
from meshc.deploy.plan.survey import survey
from meshc.deploy.plan.target import Target
from meshc.deploy.protocol import Failure, FailureReason, State, Verified
from tests.support.deploys import mesh
from tests.support.fakenode import FACTS, GOOD, LOST, FakeNodes

OVER = Failure("this deployment is over: the node is armed", "", FailureReason.OVER)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_deployment, "RETRY", 0.01)
    monkeypatch.setattr(node_deployment, "PATIENCE", 1.0)


@pytest.fixture
def targets(tmp_path: Path) -> dict[str, Target]:
    return mesh(tmp_path)


def part(
    nodes: FakeNodes, targets: dict[str, Target], *, window: float = 60, behind: Any = ()
) -> NodeDeployment:
    (found,) = asyncio.run(survey([targets["hub"]], nodes, lambda *_: None))
    return NodeDeployment(found, nodes, lambda *_: None, window, behind=behind)


@pytest.mark.parametrize("state", [State.ARMED, State.COMMITTING, State.COMMIT_CONFIRMED])
def test_a_verification_that_comes_too_early_is_tried_again(
    targets: dict[str, Target], state: State
) -> None:
    answers = iter([OVER, OVER, GOOD["verify"]])
    nodes = FakeNodes({("hub", "verify"): lambda _: next(answers)})
    made = part(nodes, targets)
    nodes.answers["hub", "facts"] = replace(FACTS, state=state)
    assert asyncio.run(made.verify()) is None


@pytest.mark.parametrize("step", ["verify", "confirm", "behind"])
def test_a_connection_that_began_too_early_does_not_take_the_whole_window(
    targets: dict[str, Target], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """What was sent before the tunnel was there is sent again after ever longer times."""
    monkeypatch.setattr(node_deployment, "FIRST_TRY", 0.05)
    nodes, waited = FakeNodes(), []

    async def dial(target: Target, *, timeout: float = 15.0) -> NodeSession:
        if target.name != "hub" or step != "behind":
            waited.append(timeout)
        if len(waited) <= 3 and waited:
            await asyncio.sleep(timeout)
            raise TransportError("no answer in time")
        return await nodes(target)

    (found,) = asyncio.run(survey([targets["hub"]], nodes, lambda *_: None))
    behind = [targets["leaf"]] if step == "behind" else []
    made = NodeDeployment(found, dial, lambda *_: None, 600, behind=behind)
    if step == "confirm":
        assert asyncio.run(made.confirm()).good
    else:
        assert asyncio.run(made.verify()) is None
    assert waited == [0.05, 0.1, 0.2, 0.4]


def test_a_node_that_put_itself_back_meanwhile_says_why(targets: dict[str, Target]) -> None:
    nodes = FakeNodes({("hub", "verify"): OVER})
    made = part(nodes, targets)
    nodes.answers["hub", "facts"] = replace(FACTS, failed="PostUp failed\x1b[2J")
    assert asyncio.run(made.verify()) == StepFault("hub: PostUp failed\\x1b[2J")


def test_a_way_on_which_nobody_answers_is_a_fault(targets: dict[str, Target]) -> None:
    seen = Verified(good=True, up=True, way=False, public_key="", before=(), alive=())
    fault = asyncio.run(part(FakeNodes({("hub", "verify"): seen}), targets).verify())
    assert fault is not None
    assert fault.message == "hub: none of the peers on the way to it answers"


def test_what_was_reached_before_is_reached_before_the_confirm(targets: dict[str, Target]) -> None:
    behind = [targets["router"], targets["leaf"]]
    nodes = FakeNodes()
    assert asyncio.run(part(nodes, targets, behind=behind).verify()) is None
    made = part(FakeNodes({("leaf", "dial"): LOST}), targets, window=1.5, behind=behind)
    fault = asyncio.run(made.verify())
    assert fault is not None
    assert fault.message == "hub: leaf is not reached any more"

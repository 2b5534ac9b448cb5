"""Many nodes are asked at once, and what goes wrong at one of them is a finding about that one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from meshc.deploy.connect.dial import Dial, Dialer
from meshc.deploy.connect.node_session import NodeSession, PasswordNeededError
from meshc.deploy.plan.survey import Surveyed, survey
from meshc.deploy.plan.target import Target
from meshc.deploy.protocol import Activation, Failure, FailureReason, Pending
from tests.support.deploys import mesh
from tests.support.fakenode import FACTS, LOST, FakeNodes


def ask(targets: Iterable[Target], dial: Dial, *, parallel: int = 8) -> list[Surveyed]:
    return asyncio.run(survey(list(targets), dial, lambda *_: None, parallel=parallel))


class CountingDial:
    """How many connections were open at once, at most."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def __call__(self, target: Target, *, timeout: float = 15.0) -> NodeSession:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.02)
        self.now -= 1
        return await FakeNodes()(target, timeout=timeout)


def test_answers_are_in_the_order_of_the_targets_and_each_is_told(tmp_path: Path) -> None:
    targets = list(mesh(tmp_path).values())[::-1]
    told: list[tuple[str, str]] = []
    found = asyncio.run(survey(targets, FakeNodes(), lambda *words: told.append(words)))
    assert [one.target for one in found] == targets
    assert told == [(target.name, "facts") for target in targets]
    assert [one.difference.activation for one in found] == [Activation.START] * 4
    assert not any(one.refused for one in found)


@pytest.mark.parametrize("parallel", [1, 2, 4])
def test_no_more_are_asked_at_once_than_allowed(tmp_path: Path, parallel: int) -> None:
    dial = CountingDial()
    ask(mesh(tmp_path).values(), dial, parallel=parallel)
    assert dial.most == parallel


def test_a_node_that_does_not_answer_is_refused_and_the_others_are_not(tmp_path: Path) -> None:
    rights = Failure("may not read", hint="become root", reason=FailureReason.RIGHTS)
    nodes = FakeNodes({("hub", "dial"): LOST, ("leaf", "facts"): rights})
    found = {one.target.name: one for one in ask(mesh(tmp_path).values(), nodes)}
    assert {name for name, one in found.items() if one.refused} == {"hub", "leaf"}
    (lost,), (refusing,) = found["hub"].findings, found["leaf"].findings
    assert (lost.code, lost.hint, lost.path) == ("E701", "try ssh", "nodes.hub")
    assert "cannot be reached" in lost.message
    assert (refusing.code, refusing.hint) == ("E701", "become root")
    for name in ("hub", "leaf"):
        assert found[name].facts is None
        assert not found[name].difference, "nothing is known to change there"


def test_a_password_that_is_wanted_keeps_no_other_node_from_being_asked(tmp_path: Path) -> None:
    nodes = FakeNodes()

    async def refuses(target: Target, *, timeout: float = 15.0) -> NodeSession:
        if target.name == "hub":
            raise PasswordNeededError("hub: sudo wants a password", node="hub")
        if target.name == "leaf":
            raise PasswordNeededError("leaf: sudo did not accept it", node="leaf", wrong=True)
        return await nodes(target)

    found = {one.target.name: one for one in ask(mesh(tmp_path).values(), refuses)}
    assert {name for name, one in found.items() if one.wants_password} == {"hub"}
    assert {name for name, one in found.items() if one.refused} == {"hub", "leaf"}


def test_an_earlier_deploy_is_waited_for_where_that_is_wanted(tmp_path: Path) -> None:
    """It refuses otherwise."""
    leaf = mesh(tmp_path)["leaf"]
    busy = replace(FACTS, pending=Pending(watched=True, seconds=0))
    answers = iter([busy, busy, FACTS])
    nodes = FakeNodes({("leaf", "facts"): lambda _: next(answers)})
    said: list[str] = []
    (found,) = asyncio.run(
        survey([leaf], nodes, lambda _, step: said.append(step), parallel=1, resume=True)
    )
    assert not found.refused
    assert said == ["facts", *["an earlier deploy is over in 0 s"] * 2]
    (refused,) = ask([leaf], FakeNodes({("leaf", "facts"): busy}))
    assert [one.code for one in refused.findings] == ["E707"]


def test_this_machine_is_asked_and_not_changed(tmp_path: Path) -> None:
    """The real program, on the machine of the tests: it knows no such interface."""
    leaf = mesh(tmp_path)["leaf"]
    leaf = replace(leaf, plan=replace(leaf.plan, interface="wgnone9"))
    (found,) = ask([leaf], Dialer(local=True))
    assert found.facts is not None
    assert (found.facts.sha, found.facts.running.up) == ("", False)
    assert not list(Path("/etc/wireguard").glob("wgnone9*"))

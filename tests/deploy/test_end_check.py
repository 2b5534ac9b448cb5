"""What is measured when a deploy has ended."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from meshc.deploy.deploy_outcome import DeployOutcome, End
from meshc.deploy.end_check import Traffic, measured
from meshc.deploy.plan.survey import survey
from meshc.deploy.plan.target import Target
from meshc.deploy.protocol import Reached
from tests.support.deploys import mesh
from tests.support.fakenode import LOST, FakeNodes


@pytest.fixture
def targets(tmp_path: Path) -> dict[str, Target]:
    return mesh(tmp_path)


def measure(nodes: FakeNodes, targets: dict[str, Target], **ends: End) -> dict[str, Traffic]:
    async def all_of_it() -> Any:
        found = await survey(list(targets.values()), nodes, lambda *_: None)
        told = [DeployOutcome(name, ends.get(name, End.COMMITTED)) for name in targets]
        return await measured(found, told, nodes, lambda *_: None, parallel=8)

    return {one.node: one for one in asyncio.run(all_of_it())}


def test_each_node_pings_its_peers_among_those_deployed(targets: dict[str, Target]) -> None:
    nodes = FakeNodes(
        {(name, "peers"): lambda request: Reached(tuple(request.peers)) for name in targets}
    )
    exit_key = str(targets["exit"].plan.public_key)
    nodes.answers["leaf", "peers"] = Reached((exit_key,))
    found = measure(nodes, targets)
    assert found["hub"] == Traffic("hub", ("exit", "leaf", "router"))
    assert found["leaf"] == Traffic("leaf", ("exit",), ("hub",))


def test_a_node_that_was_not_deployed_is_no_peer_to_ask_for(targets: dict[str, Target]) -> None:
    found = measure(FakeNodes(), targets, leaf=End.SKIPPED, exit=End.UNCHANGED)
    assert "leaf" not in found
    assert found["hub"].silent == ("exit", "router")


def test_nothing_is_measured_when_nothing_was_deployed(targets: dict[str, Target]) -> None:
    nodes = FakeNodes()
    assert measure(nodes, targets, **dict.fromkeys(targets, End.UNCHANGED)) == {}
    assert nodes.verbs("hub") == ["facts"]


def test_one_that_cannot_be_asked_has_measured_nothing(targets: dict[str, Target]) -> None:
    found = measure(FakeNodes({("hub", "peers"): LOST}), targets)
    assert found["hub"] == Traffic("hub")

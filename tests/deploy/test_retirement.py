"""A node that has left is taken down where it can be reached; where not, somebody is told to."""

from __future__ import annotations

import asyncio

import pytest

from meshc.deploy.deploy_journal import DeployedNode, DeployJournal
from meshc.deploy.deploy_outcome import DeployOutcome, End
from meshc.deploy.protocol import Failure
from meshc.deploy.retirement import take_down
from meshc.topology.language.spec import Deploy
from tests.support.fakenode import LOST, FakeNodes

JOURNAL = DeployJournal(nodes={"old": DeployedNode("wg7", Deploy(host="old.example"))})


def end(nodes: FakeNodes) -> DeployOutcome:
    (found,) = asyncio.run(take_down(JOURNAL, ["old"], nodes, lambda *_: None, parallel=4))
    return found


def test_it_is_taken_down() -> None:
    nodes = FakeNodes()
    assert end(nodes) == DeployOutcome("old", End.RETIRED)
    assert nodes.verbs("old") == ["retire"]


def test_the_connection_may_go_down_with_the_tunnel() -> None:
    found = end(FakeNodes({("old", "retire"): LOST}))
    assert (found.end, found.good) == (End.RETIRED, True)
    assert "went down with it" in found.message


@pytest.mark.parametrize("answers", [{("old", "dial"): LOST}, {("old", "retire"): Failure("no")}])
def test_one_that_cannot_be_is_told_of(answers: dict[tuple[str, str], object]) -> None:
    found = end(FakeNodes(answers))
    assert found.end is End.FAILED
    assert "by hand" in found.hint

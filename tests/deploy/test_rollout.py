"""Waves, canaries, and what the controller does when a node does not answer as it should."""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meshc.cli.views.deploy_view import print_outcomes
from meshc.deploy import node_deployment
from meshc.deploy.connect import sent_program
from meshc.deploy.connect.node_session import NodeSession
from meshc.deploy.deploy_outcome import End
from meshc.deploy.plan.survey import survey
from meshc.deploy.plan.target import Target
from meshc.deploy.protocol import (
    Confirm,
    Failure,
    FailureReason,
    InstallMeshc,
    ReachedState,
    StageCandidate,
    State,
    Verified,
)
from meshc.deploy.rollout import roll_out
from meshc.errors import Refused, StateError
from tests.support.deploys import mesh
from tests.support.fakenode import FACTS, LOST, NONE, FakeNodes
from tests.support.hostile import HOSTILE

SILENT = Verified(good=True, up=True, way=True, public_key="", before=("a", "b"), alive=())


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_deployment, "RETRY", 0.01)
    monkeypatch.setattr(node_deployment, "PATIENCE", 1.0)


def deploy(
    nodes: FakeNodes, targets: Any, *, window: float = 60, max_failures: int = 0
) -> dict[str, Any]:
    async def all_of_it() -> Any:
        found = await survey(list(targets.values()), nodes, lambda *_: None)
        return await roll_out(
            found, nodes, lambda *_: None, window=window, max_failures=max_failures
        )

    return {end.node: end for end in asyncio.run(all_of_it())}


def ends(found: dict[str, Any]) -> dict[str, End]:
    return {name: end.end for name, end in found.items()}


@pytest.fixture
def targets(tmp_path: Path) -> Any:
    return mesh(tmp_path)


def test_every_node_is_staged_committed_verified_and_confirmed(targets: Any) -> None:
    nodes = FakeNodes()
    assert set(ends(deploy(nodes, targets)).values()) == {End.COMMITTED}
    for name in targets:
        assert nodes.verbs(name) == ["facts", "stage", "commit-confirmed", "verify", "confirm"]


def test_relays_are_done_before_gateways_and_these_before_leaves(targets: Any) -> None:
    nodes = FakeNodes()
    deploy(nodes, targets)
    staged = [name for name, request in nodes.requests if isinstance(request, StageCandidate)]
    confirmed = [name for name, request in nodes.requests if isinstance(request, Confirm)]
    assert staged == confirmed == ["hub", "exit", "router", "leaf"]


def test_a_failed_canary_stops_the_rest(targets: Any) -> None:
    nodes = FakeNodes({("exit", "verify"): SILENT})
    found = deploy(nodes, targets)
    assert ends(found) == {
        "hub": End.COMMITTED,
        "exit": End.RESTORED,
        "router": End.SKIPPED,
        "leaf": End.SKIPPED,
    }
    assert nodes.verbs("exit")[-3:] == ["verify", "roll-back", "facts"]
    assert "none of the 2 peers" in found["exit"].message
    assert nodes.verbs("leaf") == ["facts"]


def test_so_many_may_fail_and_no_more(targets: Any) -> None:
    nodes = FakeNodes({("hub", "verify"): SILENT, ("exit", "verify"): SILENT})
    assert ends(deploy(nodes, targets, max_failures=1)) == {
        "hub": End.RESTORED,
        "exit": End.RESTORED,
        "router": End.SKIPPED,
        "leaf": End.SKIPPED,
    }
    assert ends(deploy(nodes, targets, max_failures=2))["leaf"] is End.COMMITTED


def test_a_node_that_could_not_be_asked_keeps_no_other_from_being_deployed(targets: Any) -> None:
    found = deploy(FakeNodes({("hub", "dial"): LOST}), targets)
    assert ends(found) == {
        "hub": End.SKIPPED,
        "exit": End.COMMITTED,
        "router": End.COMMITTED,
        "leaf": End.COMMITTED,
    }
    assert "could not be asked" in found["hub"].message
    assert not found["hub"].good


def test_one_peer_that_answers_again_is_enough(targets: Any) -> None:
    some = replace(SILENT, alive=("a",))
    found = deploy(FakeNodes({("hub", "verify"): some}), targets)
    assert found["hub"].end is End.COMMITTED
    assert "1 of 2 peers" in found["hub"].message


@pytest.mark.parametrize(
    ("seen", "word"),
    [
        (replace(SILENT, up=False, good=False), "not up"),
        (replace(SILENT, good=False), "another key"),
    ],
)
def test_an_interface_that_is_not_as_it_should_be_is_put_back(
    targets: Any, seen: Verified, word: str
) -> None:
    found = deploy(FakeNodes({("hub", "verify"): seen}), targets)
    assert found["hub"].end is End.RESTORED
    assert word in found["hub"].message


BARE = replace(FACTS, kernel=False)


def test_meshc_goes_to_the_node_that_needs_it_before_its_candidate(targets: Any) -> None:
    nodes = FakeNodes({("leaf", "facts"): BARE})
    assert set(ends(deploy(nodes, targets)).values()) == {End.COMMITTED}
    assert nodes.verbs("leaf") == [
        *("facts", "install", "stage", "commit-confirmed", "verify", "confirm"),
    ]
    sent = {(name, type(one)): one for name, one in nodes.requests}
    (payload,) = nodes.payloads
    assert hashlib.sha256(payload).hexdigest() == sent["leaf", InstallMeshc].sha256
    assert sent["leaf", StageCandidate].environment == sent["leaf", InstallMeshc].identity
    assert sent["hub", StageCandidate].environment == ""


def test_a_node_where_it_cannot_be_installed_is_as_it_was(targets: Any) -> None:
    damaged = Failure("the packages of meshc arrived damaged", "deploy again")
    nodes = FakeNodes({("leaf", "facts"): BARE, ("leaf", "install"): damaged})
    found = deploy(nodes, targets)
    assert (found["leaf"].end, found["leaf"].hint) == (End.FAILED, "deploy again")
    assert nodes.verbs("leaf") == ["facts", "install"]


def test_an_installed_one_goes_again_when_the_candidate_cannot_be_staged(targets: Any) -> None:
    full = Failure("the disk is full", "make room", FailureReason.SPACE)
    nodes = FakeNodes({("leaf", "facts"): BARE, ("leaf", "stage"): full})
    assert deploy(nodes, targets)["leaf"].end is End.FAILED
    assert nodes.verbs("leaf") == ["facts", "install", "stage", "remove-unused"]


def test_a_lost_answer_to_a_commit_is_found_out_by_the_verification(targets: Any) -> None:
    nodes = FakeNodes({("hub", "commit-confirmed"): LOST})
    assert deploy(nodes, targets)["hub"].end is End.COMMITTED


def test_a_node_that_breaks_off_is_not_said_to_be_put_back_before_it_is(targets: Any) -> None:
    """The program there ended without an answer: only the node knows how far it came."""
    states = iter([State.CANDIDATE, State.COMMITTING, State.ROLLED_BACK])
    nodes = FakeNodes({("hub", "commit-confirmed"): NONE})
    first = []

    def facts(_: Any) -> Any:
        first.append(1)
        return replace(FACTS, state=next(states) if len(first) > 1 else State.IDLE)

    nodes.answers["hub", "facts"] = facts
    found = deploy(nodes, targets)
    assert found["hub"].end is End.RESTORED
    assert "gave no answer" in found["hub"].message
    assert next(states, None) is None


def test_a_lost_answer_to_a_confirm_is_asked_again(targets: Any) -> None:
    answers = iter([LOST, ReachedState(State.CONFIRMED)])
    nodes = FakeNodes({("hub", "confirm"): lambda _: next(answers)})
    assert deploy(nodes, targets)["hub"].end is End.COMMITTED
    assert nodes.verbs("hub").count("confirm") == 2


def test_a_node_that_is_cut_off_is_reported_as_put_back(targets: Any) -> None:
    nodes = FakeNodes({("hub", "verify"): LOST})
    found = deploy(nodes, targets, window=0.2)
    assert found["hub"].end is End.RESTORED
    assert "not reached through a new connection" in found["hub"].message


def test_a_refusal_of_the_candidate_changes_nothing(targets: Any) -> None:
    full = Failure("the disk is full", "make room", FailureReason.SPACE)
    nodes = FakeNodes({("hub", "stage"): full})
    found = deploy(nodes, targets)
    assert (found["hub"].end, found["hub"].hint) == (End.FAILED, "make room")
    assert nodes.verbs("hub") == ["facts", "stage"]


def test_a_node_that_cannot_be_asked_is_a_finding(targets: Any) -> None:
    nodes = FakeNodes({("leaf", "dial"): LOST})
    found = asyncio.run(survey(list(targets.values()), nodes, lambda *_: None))
    refused = {one.target.name: [f.code for f in one.findings] for one in found if one.refused}
    assert refused == {"leaf": ["E701"]}


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("place", ["name", "post_up", "host", "user", "private_key_file", "dns"])
def test_no_value_of_the_file_is_ever_part_of_a_command(
    tmp_path: Path, place: str, value: str
) -> None:
    """Whatever the language lets through reaches the node as data, unchanged."""
    try:
        targets = _with(tmp_path, place, value)
    except (Refused, StateError, UnicodeEncodeError):
        return
    nodes = FakeNodes()
    deploy(nodes, targets)
    assert set(nodes.argvs) == {sent_program.ARGV}
    sent = {name: one.conf for name, one in nodes.requests if isinstance(one, StageCandidate)}
    assert sent == {name: target.conf.reveal() for name, target in targets.items()}


def _with(directory: Path, place: str, value: str) -> Any:
    import json

    text = json.dumps(value)
    if place == "name":
        return mesh(directory, more=f"  {text}: {{deploy: {{host: x}}}}\n")
    if place in ("host", "user"):
        other = "host: x, " if place == "user" else ""
        return mesh(directory, more=f"  new: {{deploy: {{{other}{place}: {text}}}}}\n")
    listed = f"[{text}]" if place in ("post_up", "dns") else text
    return mesh(directory, more=f"  new: {{{place}: {listed}, deploy: {{host: x}}}}\n")


ODD_ANSWERS = [b"{", b"{}\n", b"[]", b'{"answer": {"state": 1}}', b'{"answer": {}}', b"[" * 100_000]


@pytest.mark.parametrize("odd", ODD_ANSWERS, ids=range(len(ODD_ANSWERS)))
@pytest.mark.parametrize("name", ["facts", "stage", "commit-confirmed", "verify", "confirm"])
def test_an_answer_that_is_none_is_the_failure_of_its_node(
    targets: Any, name: str, odd: bytes
) -> None:
    nodes = FakeNodes({("leaf", name): b"{" + odd + b"\n"})
    found = asyncio.run(survey(list(targets.values()), nodes, lambda *_: None))
    if name == "facts":
        assert [one.target.name for one in found if one.refused] == ["leaf"]
        return
    end = deploy(nodes, {"leaf": targets["leaf"]}, window=0.5)["leaf"]
    assert not end.good
    assert "what the node answered is no answer" in end.message


class SlowNodes(FakeNodes):
    """Each connection takes as long as its node; `own` is the time that a node took in all."""

    def __init__(self, seconds: dict[str, float]) -> None:
        super().__init__()
        self.seconds = seconds
        self.own: dict[str, float] = dict.fromkeys(seconds, 0.0)

    async def __call__(self, target: Target, *, timeout: float = 15.0) -> NodeSession:
        await asyncio.sleep(self.seconds[target.name])
        self.own[target.name] += self.seconds[target.name]
        return await super().__call__(target, timeout=timeout)


def test_forty_nodes_take_hardly_longer_than_the_slowest_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """But for the canary, which goes alone; and each has one line of 80 columns."""
    names = [f"leaf-{number:02}" for number in range(40)]
    more = "".join(f"  {name}: {{deploy: {{host: {name}}}}}\n" for name in names)
    made = mesh(tmp_path, more=more)
    nodes = SlowNodes({name: 0.5 if name == "leaf-20" else 0.1 for name in names})

    async def all_of_it() -> tuple[Any, float, float]:
        found = await survey([made[name] for name in names], nodes, lambda *_: None, parallel=40)
        nodes.own = dict.fromkeys(nodes.own, 0.0)
        began, busy = time.monotonic(), time.process_time()
        return await roll_out(found, nodes, lambda *_: None, parallel=40), began, busy

    found, began, busy = asyncio.run(all_of_it())
    took = time.monotonic() - began
    waited = nodes.own["leaf-00"] + max(nodes.own.values())
    computed = time.process_time() - busy  # this one process is all of the nodes as well
    assert took - computed < 1.2 * waited + 0.5
    assert waited < sum(nodes.own.values()) / 3
    print_outcomes(found, [])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 40
    assert max(map(len, lines)) <= 80

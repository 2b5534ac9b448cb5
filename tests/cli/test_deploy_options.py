"""Which nodes are meant, and how often a password is asked for."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
from click.testing import CliRunner

from meshc.cli import main
from meshc.cli.deploy_options import ask, chosen, with_password
from meshc.deploy import node_deployment
from meshc.deploy.connect.dial import Dialer
from meshc.deploy.connect.node_session import NodeSession, PasswordNeededError
from meshc.deploy.plan import survey
from meshc.deploy.plan.target import Target
from meshc.deploy.protocol import Failure, Pending, StageCandidate
from tests.support.deploys import mesh
from tests.support.fakenode import FACTS, LOST, FakeNodes


@pytest.mark.parametrize(
    ("nodes", "everything", "local", "why"),
    [
        (("hub",), True, False, "--all goes without NODE"),
        ((), True, True, "--all goes without NODE"),
        ((), False, True, "needs exactly one NODE"),
        (("hub", "leaf"), False, True, "needs exactly one NODE"),
    ],
)
def test_what_cannot_be_meant(
    nodes: tuple[str, ...], everything: bool, local: bool, why: str
) -> None:
    with pytest.raises(click.UsageError, match=why):
        chosen(
            Path("mesh.yaml"), None, nodes, Dialer(local=local), left_out=(), everything=everything
        )


def test_some_nodes_or_all_that_have_a_host(tmp_path: Path) -> None:
    mesh(tmp_path)
    file = tmp_path / "mesh.yaml"
    found, _ = chosen(file, None, ("hub",), Dialer(), left_out=(), everything=False)
    assert [target.name for target in found] == ["hub"]
    found, _ = chosen(file, None, (), Dialer(), left_out=(), everything=True)
    assert sorted(target.name for target in found) == ["exit", "hub", "leaf", "router"]
    found, _ = chosen(file, None, (), Dialer(), left_out=("hub", "exit"), everything=True)
    assert sorted(target.name for target in found) == ["leaf", "router"]


def needs(name: str, tried: list[str]) -> Any:
    async def work() -> str:
        tried.append("try")
        if len(tried) < 2:
            raise PasswordNeededError("sudo wants one", node=name)
        return "done"

    return work


def test_without_a_terminal_nobody_is_asked_for_a_password() -> None:
    tries: list[str] = []
    with pytest.raises(PasswordNeededError):
        with_password(Dialer(), needs("hub", tries))
    assert tries == ["try"]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Somebody types; the questions that were asked."""
    asked: list[str] = []

    def prompt(text: str, **options: Any) -> str:
        assert options["hide_input"]
        asked.append(text)
        return f"word {len(asked)}"

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(click, "prompt", prompt)
    return asked


def test_a_password_is_for_the_node_that_asked_for_it(terminal: list[str]) -> None:
    dialer = Dialer()
    assert with_password(dialer, needs("hub", [])) == "done"
    assert terminal == ["password for sudo on hub"]
    assert list(dialer.passwords) == ["hub"]


@pytest.mark.parametrize(("one", "words"), [(False, ["word 1", "word 2"]), (True, ["word 1"] * 2)])
def test_every_node_is_asked_about_unless_they_share_it(
    tmp_path: Path, terminal: list[str], one: bool, words: list[str]
) -> None:
    """Those that want none get none, shared or not."""
    targets = list(mesh(tmp_path).values())
    nodes = FakeNodes()
    dialer = Dialer(one_password=one)

    async def dial(target: Target, *, timeout: float = 15.0) -> NodeSession:
        if target.name in ("hub", "leaf") and target.name not in dialer.passwords:
            raise PasswordNeededError("sudo wants a password", node=target.name)
        return await nodes(target)

    monkeyed: Any = dial
    monkeyed.passwords, monkeyed.one_password = dialer.passwords, one
    found = ask(targets, monkeyed, lambda *_: None, 8)
    assert [one.target.name for one in found] == [target.name for target in targets]
    assert not any(one.refused for one in found)
    assert [dialer.passwords[name].reveal() for name in sorted(dialer.passwords)] == words
    assert sorted(dialer.passwords) == ["hub", "leaf"]
    assert nodes.verbs("router") == ["facts"], "who answered is not asked twice"


class Command(NamedTuple):
    """How `meshc deploy` ended."""

    code: int
    nodes: dict[str, str]
    said: str


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeNodes:
    """The nodes behind the command, where it would have dialled."""
    leaf = ", site: attic"
    mesh(tmp_path, leaf=leaf, more="groups: {edge: [exit, leaf]}\nsites: {attic: {nat: none}}\n")
    nodes = FakeNodes()

    async def dialled(_: Dialer, target: Target, *, timeout: float = 15.0) -> NodeSession:
        return await nodes(target, timeout=timeout)

    monkeypatch.setattr(Dialer, "__call__", dialled)
    monkeypatch.setattr(survey, "AGAIN", 0.01)
    monkeypatch.setattr(node_deployment, "PATIENCE", 0.1)
    return nodes


def deploy(directory: Path, *args: str) -> Command:
    argv = ["deploy", str(directory / "mesh.yaml"), "--yes", "--json", *args]
    done = CliRunner().invoke(main, argv)
    rows = json.loads(done.stdout).get("nodes", []) if done.stdout.startswith("{") else []
    return Command(done.exit_code, {row["node"]: row.get("end", "") for row in rows}, done.output)


def begun(fleet: FakeNodes) -> set[str]:
    return {name for name, request in fleet.requests if isinstance(request, StageCandidate)}


@pytest.mark.parametrize(
    ("args", "names"),
    [
        (("edge",), "exit leaf"),
        (("attic",), "leaf"),
        (("edge", "hub"), "exit hub leaf"),
        (("edge", "--except", "attic"), "exit"),
        (("--all", "--except", "edge"), "hub router"),
        ((), "exit hub leaf router"),
    ],
)
def test_a_group_or_a_site_is_deployed_and_nobody_else_is_asked(
    tmp_path: Path, fleet: FakeNodes, args: tuple[str, ...], names: str
) -> None:
    done = deploy(tmp_path, *args)
    assert (done.code, done.nodes) == (0, dict.fromkeys(names.split(), "committed")), done.said
    assert begun(fleet) == {name for name, _ in fleet.requests} == {*names.split()}


def test_a_name_that_is_none_deploys_nothing(tmp_path: Path, fleet: FakeNodes) -> None:
    done = deploy(tmp_path, "edge", "nowhere")
    assert (done.code, done.nodes, fleet.requests) == (2, {}, [])
    assert "nowhere" in done.said


@pytest.mark.parametrize(
    ("most", "ends"),
    [
        ("0", {"hub": "failed", "router": "skipped", "exit": "skipped", "leaf": "skipped"}),
        ("1", {"hub": "failed", "exit": "failed", "router": "skipped", "leaf": "skipped"}),
        ("2", {"hub": "failed", "exit": "failed", "router": "committed", "leaf": "committed"}),
    ],
)
def test_so_many_may_fail_before_no_further_node_is_begun(
    tmp_path: Path, fleet: FakeNodes, most: str, ends: dict[str, str]
) -> None:
    for name in ("hub", "exit"):
        fleet.answers[name, "stage"] = Failure("no room")
    done = deploy(tmp_path, "--all", "--max-failures", most)
    assert (done.code, done.nodes) == (1, ends), done.said
    assert begun(fleet) == {name for name, end in ends.items() if end != "skipped"}


def test_what_is_under_way_is_waited_for_with_resume_and_refused_without(
    tmp_path: Path, fleet: FakeNodes
) -> None:
    """The second time the node is asked, the earlier deploy is over."""
    busy = replace(FACTS, pending=Pending(True, 0))
    told = iter([busy, busy, busy, FACTS])
    fleet.answers["hub", "facts"] = lambda _: next(told)
    done = deploy(tmp_path, "--all")
    assert (done.code, begun(fleet)) == (1, set()), done.said
    assert "--resume" in done.said
    done = deploy(tmp_path, "--all", "--resume")
    assert (done.code, done.nodes["hub"]) == (0, "committed"), done.said
    assert begun(fleet) == {"exit", "hub", "leaf", "router"}


def test_resume_does_what_an_interrupted_one_left(tmp_path: Path, fleet: FakeNodes) -> None:
    """One that cannot be reached stops it, with --resume too, but not with --skip-unreachable."""
    fleet.answers["leaf", "dial"] = LOST
    assert (deploy(tmp_path, "--resume").code, begun(fleet)) == (1, set())
    done = deploy(tmp_path, "--resume", "--skip-unreachable")
    assert (done.code, done.nodes["leaf"], done.nodes["hub"]) == (1, "skipped", "committed")
    assert begun(fleet) == {"exit", "hub", "router"}

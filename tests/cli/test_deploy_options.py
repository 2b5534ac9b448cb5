"""Which nodes are meant, and how often a password is asked for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import pytest

from meshc.cli.deploy_options import ask, chosen, with_password
from meshc.deploy.connect.dial import Dialer
from meshc.deploy.connect.node_session import NodeSession, PasswordNeededError
from meshc.deploy.plan.target import Target
from tests.support.deploys import mesh
from tests.support.fakenode import FakeNodes


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

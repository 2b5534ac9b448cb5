"""Which nodes are meant, and how often a password is asked for."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from meshc.cli.deploy_options import chosen, with_password
from meshc.deploy.connect.dial import Dialer
from meshc.deploy.connect.node_session import PasswordNeededError
from tests.support.deploys import mesh


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
        chosen(Path("mesh.yaml"), None, nodes, everything=everything, local=local)


def test_some_nodes_or_all_that_have_a_host(tmp_path: Path) -> None:
    mesh(tmp_path)
    file = tmp_path / "mesh.yaml"
    found = chosen(file, None, ("hub",), everything=False, local=False)
    assert [target.name for target in found] == ["hub"]
    found = chosen(file, None, (), everything=True, local=False)
    assert sorted(target.name for target in found) == ["exit", "hub", "leaf", "router"]


def test_without_a_terminal_nobody_is_asked_for_a_password() -> None:
    tries = []

    async def work() -> None:
        tries.append("try")
        raise PasswordNeededError("sudo wants one")

    with pytest.raises(PasswordNeededError):
        with_password(Dialer(None, None, None, False), work)
    assert tries == ["try"]

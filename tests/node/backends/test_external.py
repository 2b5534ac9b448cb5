"""Another program as the engine: found where the shell would find it, called like wireguard-go."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from meshc.errors import NodeError
from meshc.node import uapi_exchange
from meshc.node.backends.external import External
from meshc.node.machine import Machine
from meshc.node.system.rtnetlink import Netlink
from tests.support.netns import needs_root


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One that tells how it was called, and fails."""
    monkeypatch.setattr(uapi_exchange, "SOCKET_DIRECTORY", tmp_path)
    path = tmp_path / "other-go"
    path.write_text('#!/bin/sh\necho "$@"; env | grep -E "FOREGROUND|LOG_LEVEL" | sort; exit 1\n')
    path.chmod(0o755)
    return path


def words_of(engine: External, directory: Path) -> list[str]:
    """What the program said when it was to make an interface."""
    with Netlink() as netlink, pytest.raises(NodeError) as caught:
        engine.create(Machine(netlink, directory, secrets.token_hex(8)), "wg9")
    return caught.value.hint.split("; ")


def test_it_is_called_as_wireguard_go_is(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOG_LEVEL", raising=False)
    said = ["--foreground wg9", "LOG_LEVEL=error", "WG_PROCESS_FOREGROUND=1"]
    assert words_of(External(str(program)), tmp_path) == said
    monkeypatch.setenv("LOG_LEVEL", "verbose")
    assert words_of(External(str(program)), tmp_path)[1] == "LOG_LEVEL=verbose"


@needs_root[2]
def test_it_is_looked_for_in_the_path(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = "is not a program on this machine"
    assert External("other-go").missing() == f"other-go {absent}"
    assert External(str(program)).missing() == ""
    monkeypatch.setenv("PATH", str(program.parent))
    assert External("other-go").missing() == ""
    program.chmod(0o644)
    assert External("other-go").missing() == f"other-go {absent}"
    assert External(str(program)).missing() == f"{program} {absent}"


def test_a_program_that_cannot_be_started_is_named(tmp_path: Path) -> None:
    with Netlink() as netlink, pytest.raises(NodeError, match="could not start /nowhere/engine"):
        External("/nowhere/engine").create(Machine(netlink, tmp_path, "t"), "wg9")

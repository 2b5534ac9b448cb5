"""Becoming root: sudo with and without a password, and answers that are none."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from meshc.deploy.connect import sent_program
from meshc.deploy.connect.node_session import (
    NoAnswerError,
    NodeSession,
    PasswordNeededError,
    RemoteError,
)
from meshc.deploy.connect.transport import LocalTransport
from meshc.deploy.protocol import AskFacts, Call, Directories, Facts, State
from meshc.deploy.protocol_json import decode_answer
from meshc.secret import SecretText

# sudo as it behaves: -n refuses, -S reads one line; NOPASSWD reads nothing
ASKS = """#!/bin/sh
seen=
while [ "$1" != -- ]; do [ "$1" = -S ] && seen=1; shift; done; shift
[ "$seen" ] || { echo 'sudo: a password is required' >&2; exit 1; }
read -r given; [ "$given" = 'pass word' ] || { echo 'Sorry, try again.' >&2; exit 1; }
exec "$@"
"""
FREE = '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done; shift\nexec "$@"\n'
REFUSES = "#!/bin/sh\necho 'joe is not in the sudoers file.' >&2; exit 1\n"


def call(
    directory: Path, monkeypatch: pytest.MonkeyPatch, sudo: str, password: str | None
) -> Facts:
    path = directory / "sudo"
    path.write_text(sudo)
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    session = NodeSession(
        LocalTransport("here"),
        "wgx9",
        become=True,
        password=None if password is None else SecretText(password),
        directories=Directories(state=str(directory / "none")),
    )
    return asyncio.run(session.call(AskFacts("s")))


@pytest.mark.parametrize(
    ("sudo", "password"), [(ASKS, "pass word"), (FREE, None), (FREE, "pass word")]
)
def test_sudo_lets_us_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sudo: str, password: str | None
) -> None:
    assert call(tmp_path, monkeypatch, sudo, password).uid == os.geteuid()


@pytest.mark.parametrize(("password", "wrong"), [(None, False), ("guess", True)])
def test_a_password_that_is_missing_or_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str | None, wrong: bool
) -> None:
    with pytest.raises(PasswordNeededError) as refused:
        call(tmp_path, monkeypatch, ASKS, password)
    assert refused.value.wrong is wrong
    assert "guess" not in str(refused.value)
    assert ("run it again" if wrong else "NOPASSWD") in refused.value.hint


def test_a_user_who_may_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RemoteError, match="sudo refuses: joe is not in the sudoers"):
        call(tmp_path, monkeypatch, REFUSES, "guess")


def test_the_password_is_never_part_of_a_command() -> None:
    data = sent_program.stdin(
        Call("wgx9", Directories(), AskFacts("s")), password=SecretText("pass word")
    )
    assert data.startswith(b"pass word\nmeshc-program ")
    assert "pass word" not in " ".join(sent_program.ARGV)


def test_the_program_needs_nothing_of_meshc(tmp_path: Path) -> None:
    """An isolated Python that cannot import meshc runs it."""
    import subprocess
    import sys

    request = AskFacts("s")
    places = Directories(str(tmp_path), str(tmp_path), str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-I", "-S", *sent_program.ARGV[1:]],
        input=sent_program.stdin(Call("wgx9", places, request)),
        capture_output=True,
        cwd=tmp_path,
    )
    assert done.stderr == b""
    answer = decode_answer(done.stdout, request)
    assert isinstance(answer, Facts)
    assert (answer.state, answer.conf) == (State.IDLE, None)


@pytest.mark.parametrize(("sudo", "left"), [(ASKS, b""), (FREE, b"pass word\n")])
def test_a_program_of_the_node_gets_its_data_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sudo: str, left: bytes
) -> None:
    """A password that sudo did not ask for stands before it."""
    (tmp_path / "sudo").write_text(sudo)
    (tmp_path / "sudo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    session = NodeSession(
        LocalTransport("here"), "wgx9", become=True, password=SecretText("pass word")
    )
    result = asyncio.run(session.run(("cat",), data=b"data"))
    assert result.stdout == left + b"data"
    assert asyncio.run(session.run(("sh", "-c", "exit 1"), data=b"")).code == 1
    session.password = None
    if sudo == ASKS:
        with pytest.raises(PasswordNeededError):
            asyncio.run(session.run(("sh", "-c", "exit 1"), data=b""))
    else:
        assert asyncio.run(session.run(("sh", "-c", "exit 1"), data=b"")).code == 1


@pytest.mark.parametrize("warned", ["", "sudo: unable to resolve host hub: No such file"])
@pytest.mark.parametrize("password", [None, "pass word"])
def test_a_program_that_fails_is_not_sudo_that_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str | None, warned: str
) -> None:
    """Nobody is asked for a password because of it, also where sudo warns of something else."""
    fails = f"[ $# = 3 ] && [ -z \"$3\" ] || {{ echo '{warned}' >&2; echo no room >&2; exit 1; }}"
    sudo = FREE.replace('exec "$@"', fails)
    with pytest.raises(NoAnswerError, match=r"(?s)gave no answer \(exit 1\): .*no room"):
        call(tmp_path, monkeypatch, sudo, password)

"""Identities come from files, from a program, and from the environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meshc.errors import StateError
from meshc.keystore.identities import COMMAND, FILES, TEXT, also_from, given_identities


def test_all_that_are_given_count(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(f"identity {name}\n")
    environment = {
        FILES: f"{tmp_path / 'one'}{os.pathsep}{tmp_path / 'two'}",
        COMMAND: "echo 'from a program'",
        TEXT: "itself",
    }
    found = given_identities(environment)
    assert found == ["identity one\n", "identity two\n", "from a program\n", "itself"]
    assert given_identities({}) == []


def test_no_shell_runs_the_command(tmp_path: Path) -> None:
    given_identities({COMMAND: f"echo x > {tmp_path}/made"})
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("command", ["false", "/nowhere/at-all", "echo 'open"])
def test_a_command_that_fails_is_named_by_its_variable(command: str) -> None:
    with pytest.raises(StateError, match=COMMAND):
        given_identities({COMMAND: command})


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"there is no identity .*/nobody"):
        given_identities({FILES: str(tmp_path / "nobody")})


def test_files_of_the_command_line_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FILES, "known")
    also_from(("first", "second"))
    assert os.environ[FILES].split(os.pathsep) == ["first", "second", "known"]

"""Commands that reach relays: who asked at a door is found, and what went wrong is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshc.agent.door_files import DoorFiles
from meshc.cli import main
from meshc.enrolment.joining import JoinPlaces, ask, finish
from tests.support.enrolments import TEXT
from tests.support.workspaces import write_topology


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_topology(tmp_path, TEXT)
    monkeypatch.chdir(tmp_path)


def run(*words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--local", "--run-dir", "run"])


def test_from_the_door_to_the_answer(tmp_path: Path) -> None:
    invited = run("invite", "nas", "--via", "hub")
    assert invited.exit_code == 0, invited.output
    assert "no agent of meshc runs there" in invited.stderr
    places = JoinPlaces(tmp_path / "etc", tmp_path / "wg")
    from time import time

    pending = ask(invited.stdout, places, host="box", now=int(time()))
    files = DoorFiles("wg0", tmp_path / "run")
    (identifier,) = files.passes()
    assert run("enrol", "nas", "--yes").exit_code == 2, "it has not asked yet"
    files.keep_request(identifier, pending.line().encode())
    assert "nas: asked" in run("enrol").output
    done = run("enrol", "nas", "--yes", "--json")
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)["invitations"]
    assert (row["node"], row["state"]) == ("nas", "enrolled")
    (answer,) = files.answers(identifier).values()
    assert finish(answer.decode(), places).name == "nas"


def test_a_relay_that_is_not_to_be_reached_is_named() -> None:
    done = CliRunner().invoke(main, ["invite", "nas", "--via", "hub"])
    assert done.exit_code == 0, done.output
    assert "does not say how it is reached" in done.stderr
    refused = CliRunner().invoke(main, ["invite", "tv", "--via", "phone"])
    assert refused.exit_code == 2
    assert "has no `endpoint`" in refused.output

"""`meshc keys encrypt`, `decrypt`, `recipients` and `generate` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshc.cli import main
from meshc.keystore.identities import FILES
from tests.support.age_people import Person, person
from tests.support.workspaces import write_topology

ANNA, BEN = person(), person()


def run(*args: object) -> Result:
    return CliRunner().invoke(main, [str(arg) for arg in args])


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FILES, "")
    for name, who in (("anna", ANNA), ("ben", BEN)):
        (tmp_path / name).write_text(f"# created today\n{who.identity}\n")
    path = write_topology(tmp_path / "net")
    assert run("build", path).exit_code == 0
    return path


def identity(file: Path, who: Person) -> tuple[object, object]:
    return "--identity", file.parent.parent / ("anna" if who is ANNA else "ben")


def test_a_day_with_encrypted_keys(file: Path) -> None:
    mine = identity(file, ANNA)
    refused = run("keys", "encrypt", file, "--recipient", ANNA.recipient)
    assert refused.exit_code != 0
    assert "--identity" in refused.output
    done = run("keys", "encrypt", file, "--recipient", ANNA.recipient, *mine)
    assert "4 secrets are encrypted to 1 recipients." in done.output
    assert "commit keys/" in done.output
    assert run("keys", "recipients", "add", file, BEN.recipient, *mine).exit_code == 0
    listed = json.loads(run("keys", "recipients", "list", file, "--json").stdout)
    assert listed["recipients"] == [ANNA.recipient, BEN.recipient]
    assert run("build", file, *identity(file, BEN)).exit_code == 0
    gone = run("keys", "recipients", "remove", file, ANNA.recipient, *identity(file, BEN))
    assert "rotate" in gone.output
    assert run("keys", "recipients", "remove", file, ANNA.recipient).exit_code != 0


def test_a_recipient_given_twice_changes_nothing(file: Path) -> None:
    run("keys", "encrypt", file, "--recipient", ANNA.recipient, *identity(file, ANNA))
    again = run("keys", "recipients", "add", file, ANNA.recipient, *identity(file, ANNA))
    assert "Nothing to do" in again.output


def test_decrypt_says_what_git_still_has(file: Path) -> None:
    run("keys", "encrypt", file, "--recipient", ANNA.recipient, *identity(file, ANNA))
    done = run("keys", "decrypt", file, *identity(file, ANNA))
    assert "4 secrets lie in keys/ in the clear" in done.output
    assert "git rm" in done.output


def test_generate_makes_what_is_missing(file: Path) -> None:
    assert "Every node has its key." in run("keys", "generate", file).output
    assert run("add", file, "nas").exit_code == 0
    made = json.loads(run("keys", "generate", file, "--json").stdout)["generated"]
    assert [one["node"] for one in made] == ["nas"]
    assert made[0]["public_key"] in run("keys", "list", file).output

"""`meshc enrol` from the shell: nobody comes in without a word of the person there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshc.cli import enrol as enrol_module
from meshc.cli import main
from tests.support.enrolments import TEXT
from tests.support.workspaces import write_topology


def run(*words: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], input=stdin)


def join(word: str) -> Result:
    return run("join", word, "--keys", "etc", "--confs", "wg")


@pytest.fixture(autouse=True)
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_topology(tmp_path, TEXT)
    monkeypatch.chdir(tmp_path)
    assert join(run("invite", "nas").stdout.strip()).exit_code == 0


def test_from_invite_to_join() -> None:
    done = run("enrol", "--request", "nas.request", "--yes")
    assert done.exit_code == 0, done.output
    assert "git add mesh.yaml mesh.lock" in done.output
    assert join("nas.answer").exit_code == 0
    assert Path("wg/wg0.conf").read_text() == Path("build/nas/wg0.conf").read_text()
    assert "nas: enrolled" in run("enrol").output
    again = run("enrol", "--request", "nas.request", "-o", "again")
    assert again.exit_code == 0, "what is decided is not asked again"
    assert Path("again").stat().st_mode & 0o777 == 0o600


def test_where_nobody_can_be_asked_nobody_comes_in() -> None:
    before = Path("mesh.yaml").read_text()
    done = run("enrol", "--request", "nas.request")
    assert done.exit_code == 2
    assert "compare the fingerprint" in done.output
    assert Path("mesh.yaml").read_text() == before
    assert "nas: asked" in run("enrol").output


@pytest.mark.parametrize(("word", "code"), [("y\n", 0), ("n\n", 2)])
def test_the_person_is_asked(word: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enrol_module, "_can_ask", lambda: True)
    done = run("enrol", "--request", "nas.request", stdin=word)
    assert done.exit_code == code, done.output
    assert ("nas:" in Path("mesh.yaml").read_text()) == (code == 0)


def test_a_machine_that_is_turned_away() -> None:
    done = run("enrol", "--request", "nas.request", "--refuse", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["state"] == "refused"
    assert "said no" in join("nas.answer").output
    assert "nas" not in Path("mesh.yaml").read_text()


def test_an_invitation_is_taken_back() -> None:
    assert run("invite", "tv").exit_code == 0
    assert run("enrol", "tv", "--refuse").exit_code == 0
    assert "tv: refused" in run("enrol").output
    assert run("invite", "tv").exit_code == 0, "the name is free again"
    assert run("enrol", "tv").exit_code == 2
    assert run("enrol", "nobody", "--refuse").exit_code == 2


def test_for_programs() -> None:
    rows = json.loads(run("enrol", "--json").stdout)["invitations"]
    assert [(row["node"], row["state"], row["host"]) for row in rows] == [("nas", "invited", None)]
    said = json.loads(run("enrol", "--request", "nas.request", "--yes", "--json").stdout)
    assert (said["node"], said["state"], said["answer"]) == ("nas", "enrolled", "nas.answer")


def test_what_is_no_request() -> None:
    Path("x").write_text("hello")
    for name in ("x", "missing"):
        done = run("enrol", "--request", name, "--yes")
        assert done.exit_code == 2
        assert "error:" in done.output

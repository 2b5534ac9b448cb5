"""`meshc join` from the shell, with a token in each of its places."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshc.cli import main
from meshc.enrolment.core.enrolment_message import UnprovenRequest, read_request
from meshc.keys import PrivateKey, fingerprint
from tests.support.enrolments import TEXT
from tests.support.workspaces import write_topology


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    write_topology(tmp_path, TEXT)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["invite", "nas"])
    return done.stdout.strip()


def join(*words: str, stdin: str = "") -> Result:
    places = ["--keys", "etc", "--confs", "wg"]
    return CliRunner().invoke(main, ["join", *words, *places], input=stdin)


def test_the_token_as_it_is_in_a_file_or_on_standard_input(token: str) -> None:
    Path("t").write_text(f"{token}\n")
    lines = set()
    for word, stdin in ((token, ""), ("t", ""), ("-", token)):
        done = join(word, stdin=stdin)
        assert done.exit_code == 0, done.output
        lines.add(Path("nas.request").read_text())
    assert len(lines) == 1


def test_what_is_said_is_what_is_asked_and_no_secret(token: str) -> None:
    said = json.loads(join(token, "--json", "-o", "r", "--host", "box").stdout)
    read = read_request(Path("r").read_text())
    assert isinstance(read, UnprovenRequest)
    assert read.request.host == "box"
    assert read.request.public_key == said["public_key"]
    assert said["fingerprint"] == fingerprint(read.request.public_key)
    key = PrivateKey.parse(Path("etc/wg0.key").read_text())
    assert key.public_key() == read.request.public_key
    assert key.reveal() not in json.dumps(said) + join(token).output


def test_what_is_neither_token_nor_file(token: str) -> None:
    for word in ("nothing", token[:-5], "."):
        done = join(word)
        assert done.exit_code == 2
        assert "Traceback" not in done.output
    assert not Path("etc").exists()

"""`meshc invite` from the shell."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from meshc.cli import main
from meshc.enrolment.core.invite_token import InviteToken, read_token
from tests.support.enrolments import TEXT
from tests.support.workspaces import write_topology


def run(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, [str(word) for word in words])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_topology(tmp_path, TEXT)


def test_standard_output_is_the_token(file: Path) -> None:
    code, out, err = run("invite", file, "nas", "via=[hub]", "--expires", "10m")
    token = read_token(out)
    assert code == 0
    assert isinstance(token, InviteToken)
    assert abs(token.expires - time.time() - 600) < 60
    assert "nas: 10.44.0." in err
    assert out.strip() not in err


def test_a_file_for_it_is_for_its_maker_alone(file: Path, tmp_path: Path) -> None:
    code, out, _ = run("invite", file, "web", "--uses", 2, "-o", tmp_path / "t")
    assert (code, out) == (0, "")
    assert (tmp_path / "t").stat().st_mode & 0o777 == 0o600
    assert isinstance(read_token((tmp_path / "t").read_text()), InviteToken)


def test_for_programs(file: Path) -> None:
    code, out, _ = run("invite", file, "web", "--uses", 2, "--group", "servers", "--json")
    said = json.loads(out)
    assert code == 0
    assert sorted(said["nodes"]) == ["web-1", "web-2"]
    assert isinstance(read_token(said["token"]), InviteToken)


def test_a_code_is_shown_where_it_is_asked_for(file: Path) -> None:
    code, out, _ = run("invite", file, "nas", "--qr")
    assert code == 0
    assert len(out.splitlines()) > 20


def test_a_network_that_would_not_stand(file: Path) -> None:
    code, out, err = run("invite", file, "nas", "via=[nobody]")
    assert (code, out) == (1, "")
    assert "nobody" in err

"""`meshc keys` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshc.cli import main
from meshc.keys import PrivateKey
from tests.support.workspaces import STAR, write_topology


def run(*args: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["keys", *(str(arg) for arg in args)], input=stdin)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = write_topology(tmp_path)
    CliRunner().invoke(main, ["build", str(path)])
    return path


def test_list(file: Path) -> None:
    result = run("list", file)
    assert result.exit_code == 0
    key = PrivateKey.parse((file.parent / "keys/laptop.key").read_text()).public_key()
    (line,) = [line for line in result.output.splitlines() if line.startswith("laptop")]
    assert key in line
    assert "keys/laptop.key" in line


def test_rotate_says_where_the_old_key_is(file: Path) -> None:
    result = run("rotate", file, "laptop")
    assert "laptop: " in result.output
    assert "keys/retired/laptop." in result.output
    assert f"Next: meshc build {file}" in result.output


def test_rotate_needs_something_to_rotate(file: Path) -> None:
    assert run("rotate", file).exit_code == 2
    assert run("rotate", file, "laptop", "--psk").exit_code == 2
    answer = json.loads(run("rotate", file, "--psk", "--json").output)
    assert answer == {"version": 1, "epoch": 2, "findings": []}


def test_revoke_says_what_it_would_do_and_asks(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file.parent / "keys/phone.key"
    key = PrivateKey.parse(path.read_text()).public_key()
    for terminal, answer in ((False, ""), (True, "n\n"), (True, "")):
        monkeypatch.setattr("meshc.cli.keys_group._can_ask", lambda terminal=terminal: terminal)
        result = run("revoke", file, "phone", stdin=answer)
        assert result.exit_code in (1, 2)
        assert f"phone: would revoke {key}" in result.output
        assert f"would delete {path}" in result.output
        assert path.exists()
    monkeypatch.setattr("meshc.cli.keys_group._can_ask", lambda: True)
    assert run("revoke", file, "phone", stdin="y\n").exit_code == 0
    assert not path.exists()


def test_revoke_run_twice_does_not_take_the_fresh_key_unasked(file: Path) -> None:
    assert run("revoke", file, "phone", "--yes").exit_code == 0
    again = run("revoke", file, "phone", "--yes")
    assert "no key of phone is known" in again.output
    CliRunner().invoke(main, ["build", str(file)])
    fresh = (file.parent / "keys/phone.key").read_text()
    refused = run("revoke", file, "phone")
    assert refused.exit_code == 2
    assert "--yes" in refused.output
    assert (file.parent / "keys/phone.key").read_text() == fresh


def test_revoke(file: Path) -> None:
    result = run("revoke", file, "phone", "--yes")
    assert "is revoked" in result.output
    assert "gets a new key with the next build" in result.output


def test_import_reads_standard_input_and_never_prints_it(file: Path) -> None:
    key = PrivateKey.generate()
    refused = run("import", file, "laptop", "-", stdin=key.reveal())
    assert refused.exit_code == 2
    assert "--replace" in refused.output
    result = run("import", file, "laptop", "-", "--replace", stdin=key.reveal() + "\n")
    assert result.exit_code == 0, result.output
    assert key.public_key() in result.output
    assert key.reveal() not in result.output + refused.output


def test_import_of_something_else_does_not_repeat_it(file: Path) -> None:
    result = run("import", file, "laptop", "-", stdin="my secret passphrase")
    assert result.exit_code == 2
    assert "passphrase" not in result.output


def test_import_public(tmp_path: Path) -> None:
    file = write_topology(tmp_path, STAR + "  nas: {private_key_file: /etc/nas.key}\n")
    key = PrivateKey.generate().public_key()
    (tmp_path / "nas.pub").write_text(key)
    assert run("import", file, "nas", tmp_path / "nas.pub", "--public").exit_code == 0
    listed = json.loads(run("list", file, "--json").output)["keys"]
    assert [row["public_key"] for row in listed if row["node"] == "nas"] == [key]


def test_a_given_pre_shared_key_is_in_both_files_and_never_made_anew(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    given = PrivateKey.generate().reveal()
    unnamed = run("import", file, "--psk", "laptop", "hub", stdin=given)
    assert unnamed.exit_code == 2
    assert "preshared_key: hub.laptop" in unnamed.output
    line = "links: [{endpoints: [hub, laptop], preshared_key: old}]\n"
    file.write_text(file.read_text() + line)
    missing = CliRunner().invoke(main, ["build", str(file)])
    assert "E357" in missing.output
    assert missing.exit_code != 0
    result = run("import", file, "--psk", "hub", "laptop", stdin=given + "\n")
    assert result.exit_code == 0, result.output
    assert given not in result.output + unnamed.output
    assert CliRunner().invoke(main, ["build", str(file)]).exit_code == 0
    for node in ("laptop", "hub"):
        (conf,) = (tmp_path / "build" / node).glob("*.conf")
        assert f"PresharedKey = {given}" in conf.read_text()
    other = run("import", file, "--psk", "hub", "laptop", stdin=PrivateKey.generate().reveal())
    assert other.exit_code == 2
    assert (tmp_path / "keys/old.psk").read_text().strip() == given


def test_a_link_has_its_key_where_the_network_has_none(tmp_path: Path) -> None:
    file = write_topology(tmp_path)
    text = file.read_text().replace("network: {", "network: {preshared_keys: false, ")
    file.write_text(text + "links: [{endpoints: [hub, laptop], preshared_key: true}]\n")
    assert CliRunner().invoke(main, ["build", str(file)]).exit_code == 0
    (conf,) = (tmp_path / "build/laptop").glob("*.conf")
    assert conf.read_text().count("PresharedKey") == 1

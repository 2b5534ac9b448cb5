"""Facts without keys, and keys that are made on the node."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from meshc.deploy.remote import verbs
from meshc.deploy.remote.base import Refusal, redact
from meshc.keys import PrivateKey, encode
from meshc.wg.conf import parse

SPELLINGS = ("PrivateKey = {}", "privatekey={}", "PRESHAREDKEY  =  {}", "# PrivateKey = {}")


@pytest.mark.parametrize("line", SPELLINGS)
def test_no_key_is_left_in_a_redacted_file(line: str) -> None:
    key = PrivateKey.generate().reveal()
    text = f"[Interface]\n{line.format(key)}\n"
    hidden = redact(text, "salt")
    assert key not in hidden
    assert hidden == redact(text, "salt")
    assert hidden != redact(text, "other")


def test_equal_keys_stay_equal_and_a_redacted_file_is_read() -> None:
    one, two = PrivateKey.generate().reveal(), PrivateKey.generate().reveal()
    keys = [parse(redact(f"[Interface]\nPrivateKey = {k}\n", "s")).private_key for k in (one, two)]
    again = parse(redact(f"[Interface]\nPrivateKey = {one}\n", "s")).private_key
    assert keys[0] == again
    assert keys[0] != keys[1]


def test_facts_hold_no_key(tmp_path: Path) -> None:
    key = PrivateKey.generate().reveal()
    (tmp_path / "wgx9.conf").write_text(f"[Interface]\nPrivateKey = {key}\n")
    request = {"interface": "wgx9", "conf_dir": str(tmp_path), "state_dir": str(tmp_path / "s")}
    more = {"env_dir": str(tmp_path / "meshc"), "salt": "s"}
    assert key not in str(verbs.facts({**request, **more}))


def test_public_keys_are_those_of_the_library() -> None:
    for _ in range(20):
        key = PrivateKey.generate()
        assert encode(verbs.public_of(key.raw)) == key.public_key()


def test_keygen_makes_a_key_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "node.key"
    first = verbs.keygen({"path": str(path)})
    assert first["made"]
    assert path.stat().st_mode & 0o777 == 0o600
    key = PrivateKey.parse(path.read_text())
    assert first["public_key"] == key.public_key()
    assert key.reveal() not in str(first)
    assert verbs.keygen({"path": str(path)}) == {**first, "made": False}
    assert os.listdir(path.parent) == ["node.key"]


@pytest.mark.parametrize("content", ["", "no key", "c2hvcnQ="])
def test_a_file_that_is_no_key_is_not_overwritten(tmp_path: Path, content: str) -> None:
    path = tmp_path / "node.key"
    path.write_text(content)
    with pytest.raises(Refusal, match="is not a private key"):
        verbs.keygen({"path": str(path)})
    assert path.read_text() == content


def test_every_verb_is_a_function_of_a_request() -> None:
    found: dict[str, Any] = verbs.VERBS
    assert set(found) == {
        *("facts", "arm", "apply", "check", "commit", "rollback", "adopt", "keygen"),
        *("install", "remove_unused"),
    }

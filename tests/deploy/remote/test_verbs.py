"""Facts without keys, and keys that are made on the node."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from meshc.deploy.connect import sent_program
from meshc.deploy.protocol import (
    REQUESTS,
    AskFacts,
    AskPeers,
    Call,
    Directories,
    Failure,
    FailureReason,
    MakeKey,
    NodeKey,
    Reached,
)
from meshc.deploy.protocol_json import decode_answer, encode_call
from meshc.deploy.remote import verbs
from meshc.deploy.remote.base import Refusal
from meshc.deploy.remote.managed_interface import ManagedInterface
from meshc.keys import PrivateKey


def test_facts_hold_no_key(tmp_path: Path) -> None:
    key = PrivateKey.generate().reveal()
    (tmp_path / "wgx9.conf").write_text(f"[Interface]\nPrivateKey = {key}\n")
    places = Directories(str(tmp_path), str(tmp_path / "s"), str(tmp_path / "meshc"))
    found = verbs.facts(ManagedInterface("wgx9", places), AskFacts("s"))
    assert found.conf is not None
    assert key not in str(found)


def test_keygen_makes_a_key_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "node.key"
    first = make_key(path)
    assert first.made
    assert path.stat().st_mode & 0o777 == 0o600
    key = PrivateKey.parse(path.read_text())
    assert first.public_key == key.public_key()
    assert key.reveal() not in str(first)
    assert make_key(path) == replace(first, made=False)
    assert os.listdir(path.parent) == ["node.key"]


@pytest.mark.parametrize("content", ["", "no key", "c2hvcnQ="])
def test_a_file_that_is_no_key_is_not_overwritten(tmp_path: Path, content: str) -> None:
    path = tmp_path / "node.key"
    path.write_text(content)
    with pytest.raises(Refusal, match="is not a private key"):
        make_key(path)
    assert path.read_text() == content


def make_key(path: Path) -> NodeKey:
    return verbs.make_key(ManagedInterface("wgx9", Directories()), MakeKey(str(path)))


def test_who_answers_is_told_and_who_does_not_is_waited_for() -> None:
    interface = ManagedInterface("wgx9", Directories())
    assert verbs.reach(interface, AskPeers({"here": "127.0.0.1"}, 5)) == Reached(("here",))
    nobody = {"here": "127.0.0.1", "nobody": "192.0.2.201"}
    assert verbs.reach(interface, AskPeers(nobody, 0.5)) == Reached(("here",))


def test_there_is_something_to_do_for_every_request() -> None:
    assert set(verbs.VERBS) == set(REQUESTS.values())


ASK = Call("wgx9", Directories(), AskFacts("s"))
NO_REQUESTS = {
    b"": "not JSON",
    encode_call(ASK)[:40]: "not JSON",
    encode_call(ASK).replace(b'"facts"', b'"reboot"'): "name is not",
    encode_call(ASK).replace(b'"salt"', b'"pepper"'): "request has no salt",
    b"[" * 100_000: "nested too deep",
}


@pytest.mark.parametrize("line", NO_REQUESTS, ids=range(len(NO_REQUESTS)))
def test_what_is_no_request_is_answered_with_a_failure(line: bytes) -> None:
    """By the program as it runs on the node, and nothing else is said."""
    done = subprocess.run(
        sent_program.ARGV,
        input=sent_program.stdin(ASK).removesuffix(encode_call(ASK)) + line,
        capture_output=True,
        check=True,
    )
    answer = decode_answer(done.stdout, ASK.request)
    assert isinstance(answer, Failure)
    assert answer.reason is FailureReason.PROTOCOL
    assert NO_REQUESTS[line] in answer.message
    assert done.stderr == b""

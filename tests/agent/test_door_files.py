"""Doors as files: whole, for root alone, and gone when nobody wants them."""

from __future__ import annotations

from pathlib import Path

from meshc.agent.core.door_message import short_hash
from meshc.agent.door_files import DoorFiles
from tests.support.enrolments import a_pass

ONE = a_pass().identifier


def test_what_is_wished_is_there_and_the_rest_is_not(tmp_path: Path) -> None:
    files = DoorFiles("wg0", tmp_path)
    files.wish({ONE: a_pass()})
    assert files.passes() == {ONE: a_pass()}
    files.keep_request(ONE, b"request")
    files.wish({ONE: a_pass()})
    assert files.requests(ONE) == {short_hash(b"request"): b"request"}
    assert all(p.stat().st_mode & 0o077 == 0 for p in files.directory.rglob("*"))
    files.wish({})
    assert files.passes() == {}
    assert list(files.directory.iterdir()) == []


def test_an_answer_is_given_once(tmp_path: Path) -> None:
    files = DoorFiles("wg0", tmp_path)
    files.wish({ONE: a_pass()})
    digest = short_hash(b"request")
    files.keep_answer(ONE, digest, b"first")
    files.keep_answer(ONE, digest, b"second")
    assert files.answers(ONE) == {digest: b"first"}


def test_a_door_that_is_done_is_not_opened_again(tmp_path: Path) -> None:
    files = DoorFiles("wg0", tmp_path)
    files.wish({ONE: a_pass()})
    files.finish(ONE)
    files.wish({ONE: a_pass()})
    assert files.passes() == {}
    assert files.done() == {ONE}
    files.wish({})
    assert files.done() == frozenset()


def test_what_is_for_no_door_is_not_kept(tmp_path: Path) -> None:
    files = DoorFiles("wg0", tmp_path)
    files.keep_request(ONE, b"request")
    assert files.requests(ONE) == {}

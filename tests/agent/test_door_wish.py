"""Wishes about doors: whole, repeatable, and nothing else is one."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from meshc.agent.core.door_message import short_hash
from meshc.agent.door_files import DoorFiles
from meshc.agent.door_wish import fulfil, read_wish, wish_text
from meshc.errors import NodeError
from tests.support.enrolments import a_pass

ONE = a_pass().identifier
WISH: dict[str, Any] = {"doors": [a_pass().reveal()], "answers": {}}


def test_a_round_brings_requests_and_answers(tmp_path: Path) -> None:
    files = DoorFiles("wg0", tmp_path)
    said = fulfil("wg0", WISH, tmp_path)
    assert said == {"requests": {ONE: {}}, "answered": {ONE: []}, "done": [], "kept": False}
    files.keep_request(ONE, b"request")
    digest = short_hash(b"request").hex()
    said = fulfil("wg0", WISH, tmp_path)
    assert base64.b64decode(said["requests"][ONE][digest]) == b"request"
    answers = {ONE: {digest: base64.b64encode(b"answer").decode()}}
    said = fulfil("wg0", {**WISH, "answers": answers}, tmp_path)
    assert said["answered"] == {ONE: [digest]}
    assert files.answers(ONE) == {bytes.fromhex(digest): b"answer"}


@pytest.mark.parametrize(
    "wish", [None, [], {}, {"doors": 1, "answers": {}}, {"doors": [], "answers": {"x": {"zz": 1}}}]
)
def test_what_is_no_wish_changes_nothing(wish: object, tmp_path: Path) -> None:
    fulfil("wg0", WISH, tmp_path)
    with pytest.raises(NodeError):
        fulfil("wg0", wish, tmp_path)
    assert ONE in DoorFiles("wg0", tmp_path).passes()


def test_the_last_line_is_the_wish() -> None:
    """A password that sudo did not ask for stands before it."""
    assert read_wish(b"password\n" + wish_text(WISH)) == WISH
    with pytest.raises(NodeError):
        read_wish(b"password\n")

"""Passes of doors: they come back, and show nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meshc.agent.door_pass import pass_text, read_pass
from meshc.errors import NodeError
from tests.support.enrolments import a_pass, token


def test_a_pass_comes_back() -> None:
    assert read_pass(json.loads(pass_text(a_pass()))) == a_pass()


def test_it_holds_no_secret_of_the_invitation() -> None:
    text = pass_text(a_pass()).decode()
    assert token().secret.reveal().hex() not in text
    assert a_pass().private_key.reveal() not in repr(a_pass())


@pytest.mark.parametrize(
    "change",
    [
        {"meshc_door": 2}, {"identifier": "../x"}, {"port": 0}, {"port": "x"}, {"callers": []},
        {"callers": ["x"]}, {"private_key": "x"}, {"uses": None},
    ],
)  # fmt: skip
def test_anything_else_is_none(change: dict[str, Any]) -> None:
    with pytest.raises(NodeError, match="no pass"):
        read_pass({**a_pass().reveal(), **change})
    with pytest.raises(NodeError):
        read_pass([change])

"""Tokens: they come back, show nothing by accident, and anything else is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.enrolment.core.armour import armoured
from meshc.enrolment.core.invite_token import DoorPlace, InviteToken, read_token
from meshc.enrolment.core.told_fields import packed
from tests.support.enrolments import token
from tests.support.wire import private_key

DOOR = DoorPlace("relay.demo-vpn.net", 51899, private_key("door").public_key(), 4)


@pytest.mark.parametrize("door", [None, DOOR])
def test_a_token_comes_back(door: DoorPlace | None) -> None:
    one = token(door=door)
    assert read_token(one.reveal()) == one


def test_it_fits_a_code_that_a_screen_can_show() -> None:
    assert len(token(door=DOOR).reveal()) < 858


def test_its_secret_is_not_shown() -> None:
    one = token()
    assert one.secret.reveal().hex() not in repr(one)


@pytest.mark.parametrize(
    "change",
    [{"s": "00"}, {"s": "zz" * 16}, {"x": -1}, {"n": 5}, {"k": "x"}, {"d": 4}, {"d": {"p": 99999}}],
)
def test_what_meshc_does_not_write_is_none(change: dict[str, object]) -> None:
    key = private_key("c").public_key()
    whole = {"s": "00" * 16, "n": "nas", "w": "demo", "i": "wg0", "x": 1, "k": key}
    assert isinstance(read_token(armoured("invite", packed(whole))), InviteToken)
    assert isinstance(read_token(armoured("invite", packed(whole | change))), str)


@given(st.binary(min_size=1, max_size=100))
def test_nothing_raises(body: bytes) -> None:
    assert isinstance(read_token(armoured("invite", body)), str)

"""Door messages: they come back, and nothing else raises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.agent.core.door_message import (
    LONGEST,
    PART,
    Done,
    DoorMessage,
    Fetch,
    Knock,
    Offer,
    Part,
    Wait,
    decode_door,
    encode_door,
)

EIGHT = bytes(range(8))


@pytest.mark.parametrize(
    "message",
    [
        Knock(b"request"), Wait(EIGHT), Offer(EIGHT, EIGHT[::-1], 70_000), Fetch(EIGHT, 65_000),
        Part(EIGHT, 3000, bytes(PART)), Part(EIGHT, 0, b"x"), Done(EIGHT),
    ],
    ids=lambda one: type(one).__name__,
)  # fmt: skip
def test_each_comes_back(message: DoorMessage) -> None:
    data = encode_door(message)
    assert decode_door(data) == message
    assert len(data) <= LONGEST
    assert decode_door(data[:2] + b"\x02" + data[3:]) == message, "a later version adds"


@given(st.binary(max_size=60), st.integers(0, 9))
def test_nothing_raises(body: bytes, kind: int) -> None:
    decode_door(body)
    decode_door(b"mD\x01" + bytes([kind]) + body)


def test_what_is_too_long_or_of_no_kind_is_dropped() -> None:
    assert decode_door(encode_door(Knock(bytes(LONGEST)))) is None
    assert decode_door(b"mD\x01\x09x") is None
    assert decode_door(b"mA\x01\x01x") is None
    assert decode_door(b"mD\x01\x03short") is None

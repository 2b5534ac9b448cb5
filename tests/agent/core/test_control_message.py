"""Control messages: what is sent is what is read, and nothing that a peer sends can raise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.agent.core.control_message import (
    LONGEST,
    MOST_ENDPOINTS,
    MOST_PARTNERS,
    MOST_RECORDS,
    MOST_RELAYS,
    VERSION,
    Answer,
    Ask,
    DirectProbe,
    Got,
    Homes,
    Meet,
    Message,
    Move,
    Probe,
    Taken,
    decode,
    encode,
)
from meshc.wg.endpoint import Endpoint

U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
U8 = st.integers(0, 255)
U16 = st.integers(0, 2**16 - 1)
ADDRESSES = st.ip_addresses(v=4) | st.ip_addresses(v=6).filter(lambda a: a.ipv4_mapped is None)
ENDPOINTS = st.builds(Endpoint, ADDRESSES.map(str), U16)
SOME = st.lists(ENDPOINTS, max_size=MOST_ENDPOINTS).map(tuple)
WISHES = st.lists(st.tuples(U64, U8), max_size=MOST_PARTNERS).map(tuple)
MESSAGES = st.one_of(
    st.builds(Probe, U32, U32, U64),
    st.builds(Answer, U32, U32, U64, st.booleans(), st.frozensets(U64, max_size=MOST_RELAYS)),
    st.builds(Move, U32),
    st.builds(Taken, U32, U32, st.booleans()),
    st.builds(
        Homes, U32, st.lists(st.tuples(U64, U32), max_size=MOST_RECORDS).map(lambda r: tuple(r))
    ),
    st.builds(Got, U32),
    st.builds(Ask, WISHES, SOME, st.booleans()),
    st.builds(Meet, U64, U8, ENDPOINTS, SOME, st.booleans()),
    st.builds(DirectProbe, U32, U32, U8, U16),
)


@given(MESSAGES)
def test_a_message_is_read_as_it_was_written_and_fits_the_smallest_mtu(message: Message) -> None:
    data = encode(message)
    assert decode(data) == message
    assert len(data) <= LONGEST


@given(MESSAGES, st.binary(max_size=40))
def test_a_later_version_may_add_fields_at_the_end(message: Message, more: bytes) -> None:
    assert decode(encode(message, VERSION + 1) + more) == message


@given(st.binary(max_size=LONGEST + 10), st.integers(0, 255), st.integers(0, 255))
def test_no_packet_of_a_peer_raises(body: bytes, version: int, kind: int) -> None:
    assert decode(body) is None or body[:2] == b"mA"
    found = decode(b"mA" + bytes((version, kind)) + body)
    assert found is None or (version >= 1 and 1 <= kind <= 9)


@given(MESSAGES, st.data())
def test_half_a_message_is_none(message: Message, data: st.DataObject) -> None:
    whole = encode(message)
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert decode(whole[:cut]) is None


def test_the_bytes_of_the_first_version_stay_what_they_are() -> None:
    """An agent of today talks to one of next year."""
    assert encode(Probe(1, 2, 3)).hex() == "6d4101010000000100000002" + "0000000000000003"
    assert encode(Move(258)).hex() == "6d41010300000102"
    assert encode(Homes(7, ((9, 4),))).hex() == "6d410105" + "00000007" + "01" + "00" * 7 + (
        "09" + "00000004"
    )


@pytest.mark.parametrize("data", [b"", b"mA", b"mB\x01\x03\0\0\0\1", b"mA\x00\x03\0\0\0\1"])
def test_what_is_no_message_of_ours_is_dropped(data: bytes) -> None:
    assert decode(data) is None

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from meshc.lab.probe import stun

TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")


def test_xor_mapped_address_of_rfc_5769() -> None:
    """Section 2.2 maps 192.0.2.1 port 32853 with this transaction to these bytes."""
    reply = stun.response(TRANSACTION, "192.0.2.1", 32853)
    assert bytes.fromhex("002000080001a147e112a643") == reply[20:]
    assert stun.parse_response(reply, TRANSACTION) == ("192.0.2.1", 32853)


def test_a_change_request_is_read_back() -> None:
    both = stun.CHANGE_ADDRESS | stun.CHANGE_PORT
    assert (TRANSACTION, both) == stun.parse_request(stun.request(TRANSACTION, both))
    assert stun.parse_request(stun.request(TRANSACTION)) == (TRANSACTION, 0)


def test_an_answer_to_somebody_else_is_ignored() -> None:
    reply = stun.response(bytes(12), "192.0.2.1", 1)
    assert stun.parse_response(reply, TRANSACTION) is None


def test_a_response_is_not_a_request() -> None:
    assert stun.parse_request(stun.response(TRANSACTION, "192.0.2.1", 1)) is None


@given(st.binary(max_size=64))
def test_no_datagram_raises(data: bytes) -> None:
    parsed = stun.parse_request(data)
    assert parsed is None or parsed[0] == data[8:20]
    assert stun.parse_response(data, TRANSACTION) is None or struct.unpack_from("!H", data)

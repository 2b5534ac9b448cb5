"""The exact layout of whitepaper 5.4, byte by byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshc.engine.proto.messages import (
    MessageCookieReply,
    MessageInitiation,
    MessageResponse,
    TransportHeader,
)

ALL = (MessageInitiation, MessageResponse, MessageCookieReply, TransportHeader)


def test_initiation_layout():
    message = MessageInitiation(
        0x04030201, b"E" * 32, b"S" * 48, b"T" * 28, mac1=b"1" * 16, mac2=b"2" * 16
    )
    expected = b"\1\0\0\0\1\2\3\4" + b"E" * 32 + b"S" * 48 + b"T" * 28 + b"1" * 16 + b"2" * 16
    assert message.pack() == expected
    assert len(expected) == 148
    assert MessageInitiation.parse(expected) == message


def test_response_layout():
    message = MessageResponse(
        0x04030201, 0x08070605, b"E" * 32, b"N" * 16, mac1=b"1" * 16, mac2=b"2" * 16
    )
    expected = b"\2\0\0\0\1\2\3\4\5\6\7\x08" + b"E" * 32 + b"N" * 16 + b"1" * 16 + b"2" * 16
    assert message.pack() == expected
    assert len(expected) == 92
    assert MessageResponse.parse(expected) == message


def test_cookie_reply_layout():
    message = MessageCookieReply(0x04030201, b"N" * 24, b"C" * 32)
    expected = b"\3\0\0\0\1\2\3\4" + b"N" * 24 + b"C" * 32
    assert message.pack() == expected
    assert len(expected) == 64
    assert MessageCookieReply.parse(expected) == message


def test_transport_layout():
    header = TransportHeader(0x04030201, 0x0C0B0A0908070605)
    expected = b"\4\0\0\0\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c"
    assert header.pack() == expected
    assert TransportHeader.parse(expected + bytes(16)) == header
    assert TransportHeader.parse(expected + bytes(15)) is None


def test_reserved_bytes_must_be_zero():
    assert MessageInitiation.parse(b"\1\0\1\0" + bytes(144)) is None


@given(st.binary(max_size=200))
def test_parsing_anything_raises_nothing(data):
    for kind in ALL:
        parsed = kind.parse(data)
        assert parsed is None or data.startswith(parsed.pack())


@given(st.integers(0, 5), st.integers(0, 300))
def test_parsing_any_type_and_length_raises_nothing(kind, size):
    data = bytes([kind, 0, 0, 0]) + bytes(size)
    accepted = [cls for cls in ALL if cls.parse(data) is not None]
    assert len(accepted) <= 1

"""Questions that servers understand, and answers of which only what was asked for is believed."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.node.system.dns_query import AAAA, A, addresses, question

ASKED = question("vpn.example", A, 0x1234) or b""
NAME = b"\x03vpn\x07example\x00"
POINTER = b"\xc0\x0c"


def record(owner: bytes, kind: int, value: bytes, group: int = 1) -> bytes:
    return owner + struct.pack("!HHIH", kind, group, 60, len(value)) + value


def answer(*records: bytes, flags: int = 0x8180, identity: int = 0x1234) -> bytes:
    head = struct.pack("!6H", identity, flags, 1, len(records), 0, 0)
    return head + ASKED[12:] + b"".join(records)


ADDRESS = record(POINTER, A, b"\xc0\x00\x02\x07")


def test_a_question_is_one_name_and_one_kind() -> None:
    assert ASKED == b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + NAME + b"\x00\x01\x00\x01"
    assert (question("bücher.example", AAAA, 1) or b"")[12:].startswith(b"\x0dxn--bcher-kva\x07")
    for name in ("", "a..b", "x" * 64, ".".join(["x" * 60] * 5)):
        assert question(name, A, 1) is None


def test_addresses_are_read_through_aliases() -> None:
    other = b"\x05other\x07example\x00"
    alias = record(POINTER, 5, other)
    assert addresses(answer(ADDRESS), ASKED) == ("192.0.2.7",)
    both = answer(alias, record(other, A, b"\xc6\x33\x64\x01"))
    assert addresses(both, ASKED) == ("198.51.100.1",)
    assert addresses(answer(flags=0x8183), ASKED) == (), "there is no such name"
    assert addresses(answer(), ASKED) == ()


def test_letters_may_be_of_another_size() -> None:
    shouted = answer(ADDRESS).replace(b"vpn\x07example", b"VPN\x07eXample")
    assert addresses(shouted, ASKED) == ("192.0.2.7",)


@pytest.mark.parametrize(
    "message",
    [
        answer(ADDRESS, identity=0x1235),
        answer(ADDRESS, flags=0x0100),
        answer(ADDRESS, flags=0x8380),
        answer(ADDRESS, flags=0x8182),
        answer(ADDRESS).replace(b"vpn", b"vpx"),
        answer(ADDRESS)[:-1],
        answer(record(b"\xc0\x1d", A, b"\xc0\x00\x02\x07")),
        ASKED,
        b"",
    ],
)
def test_what_is_no_answer_to_the_question_says_nothing(message: bytes) -> None:
    """Another's, a question, cut, refused, for another name, too short, a name in circles."""
    assert addresses(message, ASKED) is None


@pytest.mark.parametrize(
    "odd",
    [
        record(POINTER, A, b"\xc0\x00\x02"),
        record(POINTER, AAAA, bytes(15) + b"\x01"),
        record(POINTER, A, bytes(4)),
        record(POINTER, A, b"\xe0\x00\x00\x01"),
        record(b"\x01x\x00", A, b"\xc0\x00\x02\x08"),
        record(POINTER, A, b"\xc0\x00\x02\x08", group=3),
    ],
)
def test_records_that_nobody_asked_for_are_passed_over(odd: bytes) -> None:
    assert addresses(answer(odd, ADDRESS), ASKED) == ("192.0.2.7",)


@given(st.binary(max_size=200), st.integers(0, 60))
def test_no_message_is_too_odd(noise: bytes, at: int) -> None:
    whole = answer(ADDRESS, record(POINTER, 5, NAME))
    for message in (noise, whole[:at] + noise + whole[at + len(noise) :]):
        found = addresses(message, ASKED)
        assert found is None or isinstance(found, tuple)

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from meshc.lab.probe.lookup import _addresses
from meshc.lab.probe.services import AAAA, A, answer_query, make_query, question

NAMES = {"relay.example.com": ("198.51.100.7", "2001:db8::7")}


def test_a_known_name_has_its_addresses_by_family() -> None:
    for kind, expected in ((A, ["198.51.100.7"]), (AAAA, ["2001:db8::7"])):
        reply = answer_query(make_query("Relay.Example.com", kind, 7), NAMES)
        assert reply is not None
        assert expected == _addresses(reply, 7)


def test_other_names_resolve_to_the_public_host_or_to_nothing() -> None:
    query = make_query("example.org", A, 9)
    assert _addresses(answer_query(query, NAMES, ("192.0.2.1",)) or b"", 9) == ["192.0.2.1"]
    empty = answer_query(query, NAMES)
    assert empty is not None
    assert struct.unpack_from("!HHH", empty, 2) == (0x8580, 1, 0)


def test_the_question_is_read_back() -> None:
    query = make_query("a.bc.example", AAAA, 1)
    assert ("a.bc.example", AAAA, len(query)) == question(query)


@given(st.binary(max_size=64))
def test_no_datagram_raises(data: bytes) -> None:
    reply = answer_query(data, NAMES, ("192.0.2.1",))
    assert reply is None or reply[:2] == data[:2]


def test_a_single_word_is_no_host_on_the_internet() -> None:
    reply = answer_query(make_query("hub", A, 9), NAMES, ("192.0.2.1",))
    assert reply is not None
    assert _addresses(reply, 9) == []

from __future__ import annotations

from meshc.lab.probe.lookup import _addresses
from meshc.lab.probe.services import AAAA, A, answer_query, make_query

NAMES = {"relay.example.com": ("192.0.2.1", "192.0.2.2", "2001:db8::1")}


def test_the_addresses_of_our_own_server_are_read_back() -> None:
    found = []
    for kind in (A, AAAA):
        reply = answer_query(make_query("relay.example.com", kind, 7), NAMES)
        assert reply is not None
        found += _addresses(reply, 7)
    assert tuple(found) == NAMES["relay.example.com"]


def test_an_answer_to_another_question_is_none() -> None:
    reply = answer_query(make_query("relay.example.com", A, 7), NAMES)
    assert reply is not None
    assert _addresses(reply, 8) == []
    assert _addresses(b"", 0) == []

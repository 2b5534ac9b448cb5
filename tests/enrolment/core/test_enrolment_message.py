"""Requests and answers: neither road is trusted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.enrolment.core.armour import armoured, unarmoured
from meshc.enrolment.core.enrolment_message import (
    SALT,
    Answer,
    Declined,
    Granted,
    UnprovenRequest,
    key_file_fits,
    open_answer,
    read_request,
    seal_answer,
)
from meshc.errors import KeyFormatError
from meshc.keys import PublicKey, encode
from meshc.secret import SecretText
from tests.support.enrolments import CONTROLLER, THROWAWAY, request, token
from tests.support.wire import private_key

FILES = Granted("nas", "wg0", SecretText("[Interface]\nAddress = 10.44.0.4/32\n"), "{}\n")


def sealed(answer: Answer = FILES, *, salt: bytes = bytes(SALT)) -> str:
    return seal_answer(answer, request(), token().keys(), CONTROLLER, salt)


def opened(line: str) -> Answer | str:
    return open_answer(line, request(), token().keys(), THROWAWAY, CONTROLLER.public_key())


def test_a_request_comes_back_and_is_proven_by_its_token() -> None:
    read = read_request(request().line(token().keys()))
    assert isinstance(read, UnprovenRequest)
    assert read.proven(token().keys()) == request()
    assert read.proven(token(secret=bytes(16)).keys()) is None


def test_a_request_that_was_changed_on_the_way_is_not_proven() -> None:
    keys = token().keys()
    other = replace(request(), public_key=private_key("mallory").public_key())
    forged = armoured("request", other.body() + keys.tag(request().body()))
    read = read_request(forged)
    assert isinstance(read, UnprovenRequest)
    assert read.proven(keys) is None


@pytest.mark.parametrize(
    "path",
    [
        "wg0.key", "/etc/../root/x", "/etc/a b", "/etc/$(id)", "/etc/x;id", "/etc/'x'", "/etc/",
        "/etc/a: b", "/etc/#x", "/etc//x", "/etc/%i", "/etc/x\n", "/" + "x" * 200, "",
    ],
)  # fmt: skip
def test_a_place_that_somebody_would_have_to_quote_is_refused(path: str) -> None:
    assert not key_file_fits(path)
    line = replace(request(), key_file=path).line(token().keys())
    assert isinstance(read_request(line), str)


def test_the_usual_places_are_not() -> None:
    assert all(map(key_file_fits, ("/etc/meshc/wg0.key", "/home/a-b/k_1/wg+x.key")))


def test_an_answer_comes_back() -> None:
    assert opened(sealed()) == FILES
    assert opened(sealed(Declined("no"))) == Declined("no")


def test_an_answer_says_nothing_to_who_has_the_token_alone() -> None:
    thief = private_key("thief")
    found = open_answer(sealed(), request(), token().keys(), thief, CONTROLLER.public_key())
    assert isinstance(found, str)


def test_who_has_found_the_token_makes_no_answer() -> None:
    """Its files hold commands that run as root on the new machine."""
    thief = private_key("thief")
    forged = seal_answer(FILES, request(), token().keys(), thief, bytes(SALT))
    assert isinstance(opened(forged), str)


def test_an_answer_to_another_request_is_none() -> None:
    other = request(machine="other")
    line = seal_answer(FILES, other, token().keys(), CONTROLLER, bytes(SALT))
    assert isinstance(opened(line), str)


def test_a_request_with_a_point_of_low_order_is_not_answered() -> None:
    bad = replace(request(), throwaway=PublicKey(encode(bytes(32))))
    with pytest.raises(KeyFormatError):
        seal_answer(FILES, bad, token().keys(), CONTROLLER, bytes(SALT))


@given(st.data())
def test_an_answer_that_was_changed_is_none(data: st.DataObject) -> None:
    body = bytearray(unarmoured("answer", sealed(), 1 << 20) or b"")  # type: ignore[arg-type]
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] ^= data.draw(st.integers(1, 255))
    assert isinstance(opened(armoured("answer", bytes(body))), str)


@given(st.binary(min_size=1, max_size=200))
def test_nothing_raises(body: bytes) -> None:
    assert isinstance(read_request(armoured("request", body)), str)
    assert isinstance(opened(armoured("answer", body)), str)

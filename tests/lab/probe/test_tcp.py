"""What a greeting says, and what silence is called. That it reaches is tested in whole labs."""

from __future__ import annotations

import socket
import time

import pytest

from meshc.lab.probe.tcp import Greet, _read_greeting


@pytest.mark.parametrize(
    ("said", "name", "error"),
    [
        (b'{"name": "relay", "peer": "192.0.2.1"}\n', "relay", ""),
        (b"", "", "closed without an answer"),
        (b"HTTP/1.1 400\r\n", "", "closed without an answer"),
    ],
)
def test_a_greeting_is_read(said: bytes, name: str, error: str) -> None:
    here, there = socket.socketpair()
    with here, there:
        there.sendall(said)
        there.shutdown(socket.SHUT_WR)
        found = _read_greeting(here, time.monotonic())
    assert (found.name, found.error) == (name, error)
    assert (found.ms is None) is bool(error)


def test_an_address_that_cannot_be_reached_says_why() -> None:
    (found,) = Greet(("255.255.255.255",), seconds=0.1).run()
    assert found.error not in ("", "no answer")

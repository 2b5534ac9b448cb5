from __future__ import annotations

import logging

import pytest

from meshc.engine.io.journal import describe
from meshc.engine.proto.events import (
    CookieReceived,
    EndpointRoamed,
    Event,
    HandshakeAbandoned,
    HandshakeCompleted,
    HandshakeInitiated,
    KeysZeroed,
    LoadChanged,
)
from meshc.engine.proto.udp_path import UdpPath

PEER = bytes(range(32))
PLACE = UdpPath("192.0.2.77", 4242)


@pytest.mark.parametrize(
    ("event", "level", "words"),
    [
        (HandshakeInitiated(PEER, 2), logging.DEBUG, "initiation (3)"),
        (HandshakeCompleted(PEER, True, 0.0), logging.INFO, "initiator"),
        (HandshakeCompleted(PEER, False, 0.0), logging.INFO, "responder"),
        (HandshakeAbandoned(PEER, 4), logging.WARNING, "4 packets"),
        (EndpointRoamed(PEER, None, PLACE), logging.INFO, "another address"),
        (KeysZeroed(PEER), logging.DEBUG, "zeroed"),
        (CookieReceived(PEER), logging.DEBUG, "cookie"),
        (LoadChanged(True), logging.WARNING, "under load"),
        (LoadChanged(False), logging.INFO, "no longer"),
    ],
)
def test_every_event_is_told_at_its_level(
    event: Event, level: int, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        describe(event)

    assert caplog.records[0].levelno == level
    assert words in caplog.records[0].getMessage()


def test_addresses_are_not_told_above_debug(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        describe(EndpointRoamed(PEER, PLACE, PLACE._replace(port=1)))

    assert "192.0.2.77" not in caplog.text
    assert "AAEC…dHh8" in caplog.text, "the peer is named by its public key"

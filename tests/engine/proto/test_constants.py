from __future__ import annotations

from meshc.engine.proto import constants


def test_the_numbers_are_those_of_whitepaper_6_1():
    assert constants.REKEY_AFTER_MESSAGES == 2**60
    assert constants.REJECT_AFTER_MESSAGES == 2**64 - 2**13 - 1
    assert constants.REKEY_AFTER_TIME == 120
    assert constants.REJECT_AFTER_TIME == 180
    assert constants.REKEY_ATTEMPT_TIME == 90
    assert constants.REKEY_TIMEOUT == 5
    assert constants.KEEPALIVE_TIMEOUT == 10


def test_what_follows_from_them():
    assert constants.MAX_TIMER_HANDSHAKES == 18
    assert constants.ZERO_KEYS_AFTER_TIME == 540
    assert constants.REPLAY_WINDOW >= 8192

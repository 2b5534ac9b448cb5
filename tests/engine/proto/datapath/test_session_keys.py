from __future__ import annotations

from meshc.engine.proto.datapath.session_keys import OpeningKey, SealingKey


def test_one_key_seals_what_the_other_opens() -> None:
    sealing, opening = SealingKey(bytes(range(32)), 0x01020304), OpeningKey(bytes(range(32)))

    assert opening.decrypt(bytes(12), sealing.encrypt(bytes(12), b"text", None), None) == b"text"
    assert sealing.header == b"\4\0\0\0\4\3\2\1"
    assert sealing.counter == 0


def test_a_key_does_not_show_itself() -> None:
    key = bytes(range(65, 97))

    for shown in (repr(SealingKey(key, 1)), repr(OpeningKey(key))):
        assert key.decode() not in shown
        assert key.hex() not in shown

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.engine.proto.datapath.session_keys import PortableOpeningKey, PortableSealingKey
from meshc.engine.proto.drop_reason import DropReason
from tests.support.sessions import INDEX_B, keypairs

pytestmark = pytest.mark.usefixtures("each_road")


def test_one_key_seals_what_the_other_opens() -> None:
    sealing, opening = (
        PortableSealingKey(bytes(range(32)), 0x01020304),
        PortableOpeningKey(bytes(range(32))),
    )

    assert opening.decrypt(bytes(12), sealing.encrypt(bytes(12), b"text", None), None) == b"text"
    assert sealing.header == b"\4\0\0\0\4\3\2\1"
    assert sealing.counter == 0


def test_a_key_does_not_show_itself() -> None:
    key = bytes(range(65, 97))

    for shown in (repr(PortableSealingKey(key, 1)), repr(PortableOpeningKey(key))):
        assert key.decode() not in shown
        assert key.hex() not in shown


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=20), st.sampled_from((0, 100, 1420)))
def test_what_is_sealed_opens_to_the_same_with_zero_padding(packets: list[bytes], mtu: int) -> None:
    sender, receiver = keypairs()
    for packet in packets:
        plain = receiver.opening.open(sender.sealing.seal(packet, mtu))
        assert isinstance(plain, bytes)
        assert plain == packet + bytes(len(plain) - len(packet))
        limit = mtu if mtu > 0 else len(packet) + 16
        assert len(plain) == len(packet) or len(plain) <= limit
        assert len(plain) % 16 == 0 or len(plain) >= mtu > 0
    assert sender.sealing.counter == len(packets)


def test_the_layout_is_that_of_5_4_6() -> None:
    sender, _ = keypairs()
    first, second = sender.sealing.seal(b"x" * 16, 0), sender.sealing.seal(b"", 0)
    assert first[:16] == struct.pack("<IIQ", 4, INDEX_B, 0)
    assert second[:16] == struct.pack("<IIQ", 4, INDEX_B, 1)
    assert (len(first), len(second)) == (48, 32)


def test_replays_and_forgeries_are_refused_and_the_rest_goes_on() -> None:
    sender, receiver = keypairs()
    first, second = (sender.sealing.seal(bytes([i]) * 16, 0) for i in range(2))
    forged = second[:-1] + bytes([second[-1] ^ 1])
    key = receiver.opening
    assert key.open(memoryview(first)) == bytes(16)
    assert key.open(first) is DropReason.REPLAYED
    assert key.open(forged) is DropReason.BAD_AEAD
    assert key.open(second) == b"\1" * 16, "a forgery does not use up the counter"

from __future__ import annotations

from meshc.engine.proto.identity import Identity
from meshc.keys import PrivateKey, clamp


def test_unclamped_keys_are_clamped_and_name_the_same_public_key():
    raw = bytes(range(1, 33))
    identity = Identity(PrivateKey(raw))
    assert identity.private_key.raw == clamp(raw)
    assert identity.public_key == PrivateKey(raw).public_key().raw


def test_exchange_is_symmetric():
    one, other = (Identity(PrivateKey(bytes([n]) * 32)) for n in (1, 2))
    assert one.exchange(other.public_key) == other.exchange(one.public_key)
    assert one.exchange(bytes(32)) is None

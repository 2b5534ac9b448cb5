"""The public half of a key is that of the library."""

from __future__ import annotations

from meshc.deploy.remote.x25519 import public_of
from meshc.keys import PrivateKey, encode


def test_public_keys_are_those_of_the_library() -> None:
    for _ in range(20):
        key = PrivateKey.generate()
        assert encode(public_of(key.raw)) == key.public_key()

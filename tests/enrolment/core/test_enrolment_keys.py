"""Keys of one invitation: each use has its own, and the answer's needs both private keys."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from meshc.enrolment.core.enrolment_keys import EnrolmentKeys
from meshc.keys import PublicKey, encode
from meshc.secret import SecretBytes
from tests.support.enrolments import CONTROLLER, THROWAWAY, token
from tests.support.wire import private_key


def test_keys_are_those_of_hkdf() -> None:
    secret = bytes(range(16))
    theirs = HKDF(SHA256(), 32, salt=b"meshc enrolment v1", info=b"door").derive(secret)
    assert EnrolmentKeys(SecretBytes(secret)).derived(b"door").reveal() == theirs


def test_each_use_has_its_own_and_none_is_shown() -> None:
    keys = token().keys()
    uses = {keys.derived(label).reveal() for label in (b"request", b"answer", b"door")}
    assert len(uses) == 3
    assert keys.identifier in repr(keys)
    assert not any(use.hex() in repr(keys) for use in uses)
    assert bytes.fromhex(keys.identifier) not in {use[:8] for use in uses}


def test_both_sides_have_the_key_of_an_answer_and_the_token_alone_has_not() -> None:
    keys, body, salt = token().keys(), b"request", hashlib.sha256(b"salt").digest()
    ours = keys.answer_key(CONTROLLER, THROWAWAY.public_key(), body, salt)
    theirs = keys.answer_key(THROWAWAY, CONTROLLER.public_key(), body, salt)
    assert ours == theirs
    thief = keys.answer_key(private_key("thief"), THROWAWAY.public_key(), body, salt)
    assert thief != ours
    assert keys.answer_key(CONTROLLER, THROWAWAY.public_key(), body, b"other") != ours
    assert keys.answer_key(CONTROLLER, THROWAWAY.public_key(), b"other", salt) != ours
    stranger = token(secret=bytes(16)).keys()
    assert stranger.answer_key(CONTROLLER, THROWAWAY.public_key(), body, salt) != ours


def test_a_point_of_low_order_gives_no_key() -> None:
    assert token().keys().answer_key(CONTROLLER, PublicKey(encode(bytes(32))), b"", b"") is None

"""The handshake against an independent implementation, and its refusals.

The transcript was made with the Noise framework package `noiseprotocol` (PyPI):
Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s with WireGuard's identifier as prologue and fixed keys,
each the SHA-256 of its name. It carries message bodies without WireGuard's headers and macs.
"""

from __future__ import annotations

import hashlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.identity import Identity
from meshc.engine.proto.messages import MessageInitiation, MessageResponse
from meshc.engine.proto.noise import (
    TRANSITIONS,
    AcceptedInitiation,
    Handshake,
    HandshakeAction,
    HandshakeState,
    Rejected,
    consume_message_initiation,
    consume_message_response,
    create_message_initiation,
    create_message_response,
    derive_keypair,
)
from meshc.keys import PrivateKey

TIMESTAMP = bytes.fromhex("400000006b49d20a1a2b3c4d")
LATER = bytes.fromhex("400000006b49d20b1a2b3c4d")

INITIATION = bytes.fromhex(
    "2f63a2cf597dc51b7cd650eef555939f0c32db6ed0f104679d02006fbad6b377"
    "20fd5778d5b778287996f98d1b99bb7a4c6eda33fbf6d4cd5c2c71f2f31e0e16d84e86c66ad418699eec4bd95bc9b364"
    "4937afe9fea7b03aa745568335b992bce54fcc362f8844d7491b9dc2"
)
EPHEMERAL_R = "62185c01c5a018c18258fe188bc2781e6d813e4cb97b62b7ace200a47b4bd746"
# psk -> (the response's `empty`, "ping over noise." i to r, "pong over noise!" r to i)
WITH_PSK = (
    "f668a23fa622b8b584b0db0eb60eaf87",
    "daa5d1a09bb9119f620ad2bf92f9a13e01c1c5e2b0d09ce2d7b61bb409309408",
    "8c3be71c19b25559b1916d50fe24bc5416fcc93808f38e449e053399a647e6ca",
)
WITHOUT_PSK = (
    "a7c87d8197ef5237980193c2fb823b4a",
    "cc979f8ef4016db2460a0aca08684a7121a4683046b608e949fa9b161b5e5f4a",
    "f31b8c88da35caf115094de81c373adf55c0b03f7b133f9065f4cbe9eea98e5b",
)


def key(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


class Pair:
    """An initiator and a responder that know each other."""

    def __init__(self, psk: bytes = bytes(32)) -> None:
        self.i = Identity(PrivateKey(key("si")))
        self.r = Identity(PrivateKey(key("sr")))
        self.at_i = Handshake(self.r.public_key)
        self.at_r = Handshake(self.i.public_key)
        self.at_i.preshared_key = self.at_r.preshared_key = psk

    def initiate(self, timestamp: bytes = TIMESTAMP) -> MessageInitiation:
        message = create_message_initiation(
            self.i, self.at_i, local_index=0x11, timestamp=timestamp, rng=lambda n: key("ei")
        )
        assert isinstance(message, MessageInitiation)
        return message

    def consume(self, message: MessageInitiation, now: float = 100.0) -> object:
        known = {self.i.public_key: self.at_r}
        return consume_message_initiation(self.r, message, known.get, now)

    def respond(self) -> MessageResponse:
        message = create_message_response(self.at_r, local_index=0x22, rng=lambda n: key("er"))
        assert isinstance(message, MessageResponse)
        return message


def snapshot(handshake: Handshake) -> dict[str, object]:
    """Everything but the static-static secret, which is only remembered, not state."""
    names = [name for name in Handshake.__slots__ if name != "_static_static"]
    return {name: getattr(handshake, name) for name in names}


@pytest.mark.parametrize(("psk", "expected"), [(key("psk"), WITH_PSK), (bytes(32), WITHOUT_PSK)])
def test_the_transcript_of_an_independent_implementation(psk, expected):
    pair = Pair(psk)
    initiation = pair.initiate()
    assert initiation.ephemeral + initiation.static + initiation.timestamp == INITIATION
    assert isinstance(pair.consume(initiation), AcceptedInitiation)
    response = pair.respond()
    assert (EPHEMERAL_R, expected[0]) == (response.ephemeral.hex(), response.empty.hex())
    assert (response.sender_index, response.receiver_index) == (0x22, 0x11)
    assert consume_message_response(pair.i, pair.at_i, response) is None
    at_i, at_r = derive_keypair(pair.at_i, 101.0), derive_keypair(pair.at_r, 100.0)
    ping, pong = b"ping over noise.", b"pong over noise!"
    there, back = at_i.sealing.seal(ping, 0), at_r.sealing.seal(pong, 0)
    assert (there[16:].hex(), back[16:].hex()) == expected[1:]
    assert (at_r.opening.open(there), at_i.opening.open(back)) == (ping, pong)
    assert (at_i.is_initiator, at_r.is_initiator) == (True, False)
    assert (at_i.local_index, at_r.local_index) == (0x11, 0x22)
    assert (there[:8], back[:8]) == (b"\4\0\0\0\x22\0\0\0", b"\4\0\0\0\x11\0\0\0")
    assert (at_i.birthday, at_r.birthday) == (101.0, 100.0)


def test_after_deriving_the_handshake_holds_no_secret():
    pair = Pair()
    pair.consume(pair.initiate())
    response = pair.respond()
    consume_message_response(pair.i, pair.at_i, response)
    for handshake in (pair.at_i, pair.at_r):
        derive_keypair(handshake, 100.0)
        assert handshake.state is HandshakeState.ZEROED
        assert (handshake.chain_key, handshake.hash) == (b"", b"")
        assert handshake.local_ephemeral is None
        assert (handshake.local_index, handshake.remote_index) == (0, 0)


@given(st.sampled_from(("ephemeral", "static", "timestamp")), st.integers(0, 27), st.integers(0, 7))
@settings(deadline=None, max_examples=60)
def test_a_flipped_bit_in_an_initiation_changes_nothing(field, byte, bit):
    pair = Pair()
    message = pair.initiate()
    data = bytearray(getattr(message, field))
    data[byte] ^= 1 << bit
    before = snapshot(pair.at_r)
    result = pair.consume(message._replace(**{field: bytes(data)}))
    assert isinstance(result, Rejected)
    assert snapshot(pair.at_r) == before


@given(st.sampled_from(("ephemeral", "empty")), st.integers(0, 15), st.integers(0, 7))
@settings(deadline=None, max_examples=60)
def test_a_flipped_bit_in_a_response_changes_nothing(field, byte, bit):
    pair = Pair()
    pair.consume(pair.initiate())
    message = pair.respond()
    data = bytearray(getattr(message, field))
    data[byte] ^= 1 << bit
    before = snapshot(pair.at_i)
    result = consume_message_response(pair.i, pair.at_i, message._replace(**{field: bytes(data)}))
    assert result == Rejected(DropReason.BAD_AEAD)
    assert snapshot(pair.at_i) == before


def test_an_initiation_is_accepted_once_and_older_ones_never():
    pair = Pair()
    older, newer = pair.initiate(TIMESTAMP), pair.initiate(LATER)
    assert isinstance(pair.consume(newer, now=100.0), AcceptedInitiation)
    before = snapshot(pair.at_r)
    assert pair.consume(newer, now=200.0) == Rejected(DropReason.OLD_TIMESTAMP)
    assert pair.consume(older, now=200.0) == Rejected(DropReason.OLD_TIMESTAMP)
    assert snapshot(pair.at_r) == before


def test_initiations_closer_than_20_ms_are_refused():
    pair = Pair()
    first, second = pair.initiate(TIMESTAMP), pair.initiate(LATER)
    assert isinstance(pair.consume(first, now=100.0), AcceptedInitiation)
    assert pair.consume(second, now=100.01) == Rejected(DropReason.HANDSHAKE_FLOOD)
    assert isinstance(pair.consume(second, now=100.03), AcceptedInitiation)


def test_a_stranger_is_refused():
    pair = Pair()
    message = pair.initiate()
    result = consume_message_initiation(pair.r, message, {}.get, 1.0)
    assert result == Rejected(DropReason.UNKNOWN_PEER)


def test_a_different_preshared_key_is_noticed_by_the_initiator():
    pair = Pair()
    pair.at_r.preshared_key = key("other")
    pair.consume(pair.initiate())
    result = consume_message_response(pair.i, pair.at_i, pair.respond())
    assert result == Rejected(DropReason.BAD_AEAD)


def test_low_order_points_are_refused_everywhere():
    pair = Pair()
    low = pair.initiate()._replace(ephemeral=bytes(32))
    assert pair.consume(low) == Rejected(DropReason.BAD_KEY)
    stranger = Handshake(bytes(32))
    result = create_message_initiation(
        pair.i, stranger, local_index=1, timestamp=TIMESTAMP, rng=lambda n: key("ei")
    )
    assert result == Rejected(DropReason.BAD_KEY)
    assert stranger.state is HandshakeState.ZEROED
    pair.consume(pair.initiate())
    answer = pair.respond()._replace(ephemeral=bytes(32))
    assert consume_message_response(pair.i, pair.at_i, answer) == Rejected(DropReason.BAD_KEY)


def test_a_response_is_refused_out_of_turn():
    pair = Pair()
    pair.consume(pair.initiate())
    response = pair.respond()
    assert create_message_response(pair.at_r, local_index=3, rng=bytes) == Rejected(
        DropReason.WRONG_STATE
    )
    wrong_index = response._replace(receiver_index=0x99)
    result = consume_message_response(pair.i, pair.at_i, wrong_index)
    assert result == Rejected(DropReason.WRONG_STATE)
    assert consume_message_response(pair.i, pair.at_i, response) is None
    again = consume_message_response(pair.i, pair.at_i, response)
    assert again == Rejected(DropReason.WRONG_STATE)


def test_the_table_is_complete_and_closed():
    assert set(TRANSITIONS) == set(HandshakeState)
    for state, action in itertools.product(
        HandshakeState, (HandshakeAction.CLEAR, HandshakeAction.CONSUME_INITIATION)
    ):
        assert action in TRANSITIONS[state]
    deriving = {s for s in HandshakeState if HandshakeAction.DERIVE_KEYS in TRANSITIONS[s]}
    assert deriving == {HandshakeState.RESPONSE_CREATED, HandshakeState.RESPONSE_CONSUMED}


def test_the_static_secret_goes_with_the_identity():
    pair = Pair()
    pair.initiate()
    other = Identity(PrivateKey(key("another")))
    old = pair.at_i.static_static(pair.i)
    pair.at_i.forget_identity()
    assert pair.at_i.static_static(other) != old

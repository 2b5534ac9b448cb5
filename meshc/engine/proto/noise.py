"""The handshake: Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s (whitepaper 5.4.2 to 5.4.5).

Theory of operation: a `Handshake` is the state towards one peer. `TRANSITIONS` is the whole
machine; an action that is not listed for a state is refused. The functions below compute into
locals and write to the handshake only after every check has passed: a rejected message leaves
the state exactly as it was, so that nobody but the peer can move it.

An initiation is accepted in every state (the peer may have restarted); our own initiation
that is under way then gives way, as in wireguard-go and the kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from math import inf

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from meshc.engine.proto import primitives
from meshc.engine.proto.constants import (
    HANDSHAKE_INITIATION_RATE,
    NOISE_CONSTRUCTION,
    WG_IDENTIFIER,
)
from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.identity import Identity
from meshc.engine.proto.keypair import Keypair
from meshc.engine.proto.messages import MessageInitiation, MessageResponse
from meshc.engine.proto.primitives import DH, HASH, KDF1, KDF2, KDF3
from meshc.values import dataclass

INITIAL_CHAIN_KEY = HASH(NOISE_CONSTRUCTION)
INITIAL_HASH = HASH(INITIAL_CHAIN_KEY, WG_IDENTIFIER)
_NO_PSK = bytes(32)
_NO_TIMESTAMP = bytes(12)


class HandshakeState(Enum):
    """Where the handshake with a peer stands."""

    ZEROED = auto()
    INITIATION_CREATED = auto()
    INITIATION_CONSUMED = auto()
    RESPONSE_CREATED = auto()
    RESPONSE_CONSUMED = auto()


class HandshakeAction(Enum):
    """What can be done to a handshake."""

    CREATE_INITIATION = auto()
    CONSUME_INITIATION = auto()
    CREATE_RESPONSE = auto()
    CONSUME_RESPONSE = auto()
    DERIVE_KEYS = auto()
    CLEAR = auto()


_S, _A = HandshakeState, HandshakeAction

TRANSITIONS: dict[HandshakeState, dict[HandshakeAction, HandshakeState]] = {
    _S.ZEROED: {
        _A.CREATE_INITIATION: _S.INITIATION_CREATED,
        _A.CONSUME_INITIATION: _S.INITIATION_CONSUMED,
        _A.CLEAR: _S.ZEROED,
    },
    _S.INITIATION_CREATED: {
        _A.CREATE_INITIATION: _S.INITIATION_CREATED,
        _A.CONSUME_INITIATION: _S.INITIATION_CONSUMED,
        _A.CONSUME_RESPONSE: _S.RESPONSE_CONSUMED,
        _A.CLEAR: _S.ZEROED,
    },
    _S.INITIATION_CONSUMED: {
        _A.CREATE_INITIATION: _S.INITIATION_CREATED,
        _A.CONSUME_INITIATION: _S.INITIATION_CONSUMED,
        _A.CREATE_RESPONSE: _S.RESPONSE_CREATED,
        _A.CLEAR: _S.ZEROED,
    },
    _S.RESPONSE_CREATED: {
        _A.CREATE_INITIATION: _S.INITIATION_CREATED,
        _A.CONSUME_INITIATION: _S.INITIATION_CONSUMED,
        _A.DERIVE_KEYS: _S.ZEROED,
        _A.CLEAR: _S.ZEROED,
    },
    _S.RESPONSE_CONSUMED: {
        _A.CREATE_INITIATION: _S.INITIATION_CREATED,
        _A.CONSUME_INITIATION: _S.INITIATION_CONSUMED,
        _A.DERIVE_KEYS: _S.ZEROED,
        _A.CLEAR: _S.ZEROED,
    },
}


@dataclass(frozen=True, slots=True)
class Rejected:
    """The message was refused; nothing changed."""

    reason: DropReason


class Handshake:
    """The state towards one peer. `local_index` is 0 while no initiation or response of ours is
    under way; `last_timestamp` is the greatest TAI64N of the peer's that was accepted."""

    __slots__ = (
        "_static_static",
        "chain_key",
        "hash",
        "last_initiation_consumed",
        "last_initiation_sent",
        "last_timestamp",
        "local_ephemeral",
        "local_index",
        "preshared_key",
        "remote_ephemeral",
        "remote_index",
        "remote_static",
        "state",
    )

    def __init__(self, remote_static: bytes) -> None:
        self.remote_static = remote_static
        self.preshared_key = _NO_PSK
        self.state = HandshakeState.ZEROED
        self.last_timestamp = _NO_TIMESTAMP
        self.last_initiation_consumed = -inf
        self.last_initiation_sent = -inf
        self.local_index = 0
        self.remote_index = 0
        self.chain_key = b""
        self.hash = b""
        self.local_ephemeral: X25519PrivateKey | None = None
        self.remote_ephemeral = b""
        self._static_static: bytes | None = None

    def __repr__(self) -> str:
        return f"Handshake({self.state.name})"

    def next_state(self, action: HandshakeAction) -> HandshakeState | None:
        """Where `action` leads from here; None when it is not allowed."""
        return TRANSITIONS[self.state].get(action)

    def static_static(self, identity: Identity) -> bytes | None:
        """DH of both static keys, computed once: 5,000 idle peers must not cost 5,000 DH."""
        if self._static_static is None:
            self._static_static = identity.exchange(self.remote_static)
        return self._static_static

    def clear(self) -> None:
        """Forgets what is under way; who the peer is and its newest timestamp stay."""
        self.state = TRANSITIONS[self.state][HandshakeAction.CLEAR]
        self.chain_key = self.hash = self.remote_ephemeral = b""
        self.local_ephemeral = None
        self.local_index = self.remote_index = 0

    def forget_identity(self) -> None:
        """Our static key changed: what depends on it is gone."""
        self.clear()
        self._static_static = None


@dataclass(frozen=True, slots=True)
class AcceptedInitiation:
    """An initiation that passed every check and was committed to `handshake`."""

    handshake: Handshake


def create_message_initiation(
    identity: Identity,
    handshake: Handshake,
    *,
    local_index: int,
    timestamp: bytes,
    rng: Callable[[int], bytes],
) -> MessageInitiation | Rejected:
    """5.4.2. The macs are left to the cookie generator.

    Rejected with BAD_KEY when the peer's public key is a point of low order.
    """
    ephemeral = X25519PrivateKey.from_private_bytes(rng(32))
    public = ephemeral.public_key().public_bytes_raw()
    static_static = handshake.static_static(identity)
    ephemeral_static = DH(ephemeral, handshake.remote_static)
    if static_static is None or ephemeral_static is None:
        return Rejected(DropReason.BAD_KEY)
    digest = HASH(INITIAL_HASH, handshake.remote_static)
    chain = KDF1(INITIAL_CHAIN_KEY, public)
    digest = HASH(digest, public)
    chain, key = KDF2(chain, ephemeral_static)
    static = primitives.seal(key, identity.public_key, digest)
    digest = HASH(digest, static)
    chain, key = KDF2(chain, static_static)
    sealed_timestamp = primitives.seal(key, timestamp, digest)
    handshake.state = TRANSITIONS[handshake.state][HandshakeAction.CREATE_INITIATION]
    handshake.hash = HASH(digest, sealed_timestamp)
    handshake.chain_key = chain
    handshake.local_ephemeral = ephemeral
    handshake.local_index = local_index
    return MessageInitiation(local_index, public, static, sealed_timestamp)


def consume_message_initiation(
    identity: Identity,
    message: MessageInitiation,
    lookup: Callable[[bytes], Handshake | None],
    now: float,
) -> AcceptedInitiation | Rejected:
    """5.4.2 from the responder's side; `lookup` finds the peer by its static public key.

    The timestamp must be greater than every one before: "the responder ... discards packets
    containing timestamps less than or equal to it" (5.1).
    """
    digest = HASH(INITIAL_HASH, identity.public_key)
    chain = KDF1(INITIAL_CHAIN_KEY, message.ephemeral)
    digest = HASH(digest, message.ephemeral)
    static_ephemeral = identity.exchange(message.ephemeral)
    if static_ephemeral is None:
        return Rejected(DropReason.BAD_KEY)
    chain, key = KDF2(chain, static_ephemeral)
    remote_static = primitives.unseal(key, message.static, digest)
    if remote_static is None:
        return Rejected(DropReason.BAD_AEAD)
    digest = HASH(digest, message.static)
    handshake = lookup(remote_static)
    if handshake is None:
        return Rejected(DropReason.UNKNOWN_PEER)
    static_static = handshake.static_static(identity)
    if static_static is None:
        return Rejected(DropReason.BAD_KEY)
    chain, key = KDF2(chain, static_static)
    timestamp = primitives.unseal(key, message.timestamp, digest)
    if timestamp is None:
        return Rejected(DropReason.BAD_AEAD)
    if timestamp <= handshake.last_timestamp:
        return Rejected(DropReason.OLD_TIMESTAMP)
    if now - handshake.last_initiation_consumed < HANDSHAKE_INITIATION_RATE:
        return Rejected(DropReason.HANDSHAKE_FLOOD)
    handshake.state = TRANSITIONS[handshake.state][HandshakeAction.CONSUME_INITIATION]
    handshake.hash = HASH(digest, message.timestamp)
    handshake.chain_key = chain
    handshake.remote_index = message.sender_index
    handshake.remote_ephemeral = message.ephemeral
    handshake.local_ephemeral = None
    handshake.last_timestamp = timestamp
    handshake.last_initiation_consumed = now
    return AcceptedInitiation(handshake)


def create_message_response(
    handshake: Handshake, *, local_index: int, rng: Callable[[int], bytes]
) -> MessageResponse | Rejected:
    """5.4.3. The macs are left to the cookie generator."""
    state = handshake.next_state(HandshakeAction.CREATE_RESPONSE)
    if state is None:
        return Rejected(DropReason.WRONG_STATE)
    ephemeral = X25519PrivateKey.from_private_bytes(rng(32))
    public = ephemeral.public_key().public_bytes_raw()
    ephemeral_ephemeral = DH(ephemeral, handshake.remote_ephemeral)
    ephemeral_static = DH(ephemeral, handshake.remote_static)
    if ephemeral_ephemeral is None or ephemeral_static is None:
        return Rejected(DropReason.BAD_KEY)
    chain = KDF1(handshake.chain_key, public)
    digest = HASH(handshake.hash, public)
    chain = KDF1(KDF1(chain, ephemeral_ephemeral), ephemeral_static)
    chain, tau, key = KDF3(chain, handshake.preshared_key)
    digest = HASH(digest, tau)
    empty = primitives.seal(key, b"", digest)
    handshake.state = state
    handshake.hash = HASH(digest, empty)
    handshake.chain_key = chain
    handshake.local_index = local_index
    return MessageResponse(local_index, handshake.remote_index, public, empty)


def consume_message_response(
    identity: Identity, handshake: Handshake, message: MessageResponse
) -> Rejected | None:
    """5.4.3 from the initiator's side; None means accepted and committed."""
    state = handshake.next_state(HandshakeAction.CONSUME_RESPONSE)
    ephemeral = handshake.local_ephemeral
    if state is None or ephemeral is None or message.receiver_index != handshake.local_index:
        return Rejected(DropReason.WRONG_STATE)
    ephemeral_ephemeral = DH(ephemeral, message.ephemeral)
    static_ephemeral = identity.exchange(message.ephemeral)
    if ephemeral_ephemeral is None or static_ephemeral is None:
        return Rejected(DropReason.BAD_KEY)
    digest = HASH(handshake.hash, message.ephemeral)
    chain = KDF1(handshake.chain_key, message.ephemeral)
    chain = KDF1(KDF1(chain, ephemeral_ephemeral), static_ephemeral)
    chain, tau, key = KDF3(chain, handshake.preshared_key)
    digest = HASH(digest, tau)
    if primitives.unseal(key, message.empty, digest) is None:
        return Rejected(DropReason.BAD_AEAD)
    handshake.state = state
    handshake.hash = HASH(digest, message.empty)
    handshake.chain_key = chain
    handshake.remote_index = message.sender_index
    return None


def derive_keypair(handshake: Handshake, now: float) -> Keypair:
    """5.4.5: the transport keys, after which the handshake knows nothing any more."""
    is_initiator = handshake.state is HandshakeState.RESPONSE_CONSUMED
    state = TRANSITIONS[handshake.state][HandshakeAction.DERIVE_KEYS]
    first, second = KDF2(handshake.chain_key, b"")
    keypair = Keypair(
        send_key=first if is_initiator else second,
        receive_key=second if is_initiator else first,
        local_index=handshake.local_index,
        remote_index=handshake.remote_index,
        is_initiator=is_initiator,
        birthday=now,
    )
    handshake.clear()
    handshake.state = state
    return keypair

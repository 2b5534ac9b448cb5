"""The reasons for which the engine drops what it is given.

Nothing that a remote host sends raises: a message that is refused becomes a `DropReason`, which
is counted in `DeviceStatus.drops`. A `set` that cannot be applied is a `ConfigError`.
"""

from __future__ import annotations

from enum import StrEnum


class DropReason(StrEnum):
    """Why a packet or message went no further."""

    # from the network
    UNKNOWN_MESSAGE = "unknown_message"
    BAD_LENGTH = "bad_length"
    BAD_MAC1 = "bad_mac1"
    UNDER_LOAD = "under_load"
    RATE_LIMITED = "rate_limited"
    HANDSHAKE_QUEUE_FULL = "handshake_queue_full"
    NO_PRIVATE_KEY = "no_private_key"
    UNKNOWN_PEER = "unknown_peer"
    UNKNOWN_INDEX = "unknown_index"
    WRONG_STATE = "wrong_state"
    BAD_KEY = "bad_key"
    BAD_AEAD = "bad_aead"
    OLD_TIMESTAMP = "old_timestamp"
    HANDSHAKE_FLOOD = "handshake_flood"
    UNEXPECTED_COOKIE = "unexpected_cookie"
    KEYPAIR_EXPIRED = "keypair_expired"
    REPLAYED = "replayed"
    # decrypted, but not acceptable
    INNER_MALFORMED = "inner_malformed"
    INNER_SOURCE = "inner_source"
    # from the tunnel interface
    PACKET_MALFORMED = "packet_malformed"
    NO_PEER = "no_peer"
    NO_ENDPOINT = "no_endpoint"
    STAGED_OVERFLOW = "staged_overflow"
    HANDSHAKE_ABANDONED = "handshake_abandoned"
    INTERFACE_DOWN = "interface_down"

"""Drop reasons: why a packet or message went no further; and what a configuration is refused by.

The tree::

    MeshcError
    └── ConfigError        a `set` that cannot be applied; carries the errno of the UAPI reply

Nothing that a remote host sends raises: a message that is refused becomes a `DropReason`, which
is counted in `DeviceStatus.drops`.
"""

from __future__ import annotations

from enum import StrEnum

from meshc.errors import MeshcError


class ConfigError(MeshcError):
    """A configuration that is refused as a whole; `errno` goes into the UAPI reply."""

    def __init__(self, message: str, *, errno: int) -> None:
        self.errno = errno
        super().__init__(message)


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

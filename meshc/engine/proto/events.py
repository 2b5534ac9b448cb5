"""What the device tells the loop besides bytes: changes of state, never per packet.

`public_key` is the peer's, raw. Times are the `now` of the call that made the event.
"""

from __future__ import annotations

from meshc.engine.proto.udp_path import UdpPath
from meshc.values import dataclass


@dataclass(frozen=True, slots=True)
class HandshakeInitiated:
    """An initiation was sent; `attempt` counts from 0."""

    public_key: bytes
    attempt: int


@dataclass(frozen=True, slots=True)
class HandshakeCompleted:
    """A new session is in use."""

    public_key: bytes
    is_initiator: bool
    now: float


@dataclass(frozen=True, slots=True)
class HandshakeAbandoned:
    """Twenty attempts in about 100 seconds brought no answer; what was staged is gone (`dropped`
    packets)."""

    public_key: bytes
    dropped: int


@dataclass(frozen=True, slots=True)
class EndpointRoamed:
    """An authenticated message came from a new address."""

    public_key: bytes
    old: UdpPath | None
    new: UdpPath


@dataclass(frozen=True, slots=True)
class KeysZeroed:
    """540 seconds without a new session: all key material of the peer is gone."""

    public_key: bytes


@dataclass(frozen=True, slots=True)
class CookieReceived:
    """The peer is under load and sent a cookie; the next attempt carries it."""

    public_key: bytes


@dataclass(frozen=True, slots=True)
class LoadChanged:
    """We are under load (and answer initiations with cookies), or no longer."""

    under_load: bool


Event = (
    HandshakeInitiated
    | HandshakeCompleted
    | HandshakeAbandoned
    | EndpointRoamed
    | KeysZeroed
    | CookieReceived
    | LoadChanged
)

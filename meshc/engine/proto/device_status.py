"""The device's status: what metrics show, without keys that are secret or addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class PeerCounters(NamedTuple):
    """Figures of one peer: `roamed` counts changes of its endpoint by authenticated messages,
    `last_handshake` is in Unix nanoseconds, 0 for never."""

    public_key: bytes
    rx_bytes: int
    tx_bytes: int
    last_handshake: int
    roamed: int


class DeviceStatus(NamedTuple):
    """`peers` may be a part of all `total` of them; `drops` has only the reasons that happened."""

    peers: tuple[PeerCounters, ...]
    total: int
    under_load: bool
    drops: Mapping[str, int]

"""What the device looks like from outside: the values behind a UAPI `get` and the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.udp_path import UdpPath
from meshc.keys import PresharedKey, PrivateKey
from meshc.prefixes import Prefix


class PeerStatus(NamedTuple):
    """One peer. `last_handshake` is Unix time in nanoseconds, 0 for never; bytes are those of
    UDP payloads; `roamed` counts changes of endpoint by authenticated messages."""

    public_key: bytes
    preshared_key: PresharedKey
    endpoint: UdpPath | None
    persistent_keepalive_interval: int
    last_handshake: int
    rx_bytes: int
    tx_bytes: int
    allowed_ips: tuple[Prefix, ...]
    roamed: int
    staged: int


class DeviceStatus(NamedTuple):
    """The device; `drops` has only the reasons that happened."""

    private_key: PrivateKey | None
    public_key: bytes | None
    listen_port: int
    fwmark: int
    under_load: bool
    drops: Mapping[DropReason, int]
    peers: tuple[PeerStatus, ...]

"""What a configuration change is: the values behind a UAPI `set`, applied all or nothing."""

from __future__ import annotations

from meshc.engine.proto.udp_path import UdpPath
from meshc.keys import PresharedKey, PrivateKey
from meshc.prefixes import Prefix
from meshc.values import dataclass


@dataclass(frozen=True, slots=True)
class PeerUpdate:
    """A change to one peer; None means "as it is". `public_key` is raw.

    `allowed_ips` holds (True, prefix) to add and (False, prefix) to take away, in order.
    """

    public_key: bytes
    remove: bool = False
    update_only: bool = False
    preshared_key: PresharedKey | None = None
    endpoint: UdpPath | None = None
    persistent_keepalive_interval: int | None = None
    replace_allowed_ips: bool = False
    allowed_ips: tuple[tuple[bool, Prefix], ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceUpdate:
    """A change to the device. An all-zero `private_key` takes the identity away.

    `listen_port` and `fwmark` belong to the shell: it binds first and applies the update then.
    """

    private_key: PrivateKey | None = None
    listen_port: int | None = None
    fwmark: int | None = None
    replace_peers: bool = False
    peers: tuple[PeerUpdate, ...] = ()

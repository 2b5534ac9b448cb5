"""The values of a WireGuard device: what a running one is (`get`), and what to change (`set`).

The node's back ends, the UAPI codec and the bundled engine share them.
"""

from __future__ import annotations

from typing import NamedTuple

from meshc.keys import PresharedKey, PrivateKey, PublicKey
from meshc.prefixes import Prefix
from meshc.values import dataclass
from meshc.wg.endpoint import Endpoint

NO_PRESHARED_KEY = PresharedKey(bytes(32))
"""Setting it removes the key (wireguard UAPI: "all zeros" means none)."""


class PeerState(NamedTuple):
    """A peer as the running WireGuard has it. `last_handshake` is unix time in nanoseconds, 0 for
    never; `rx_bytes` and `tx_bytes` count UDP payloads. `allowed_ips` is sorted."""

    public_key: PublicKey
    preshared_key: PresharedKey | None = None
    endpoint: Endpoint | None = None
    allowed_ips: tuple[Prefix, ...] = ()
    keepalive: int = 0
    last_handshake: int = 0
    rx_bytes: int = 0
    tx_bytes: int = 0

    @property
    def handshake(self) -> float:
        """Unix time in seconds of the last handshake, 0 for never."""
        return self.last_handshake / 1e9


@dataclass(frozen=True, slots=True)
class DeviceState:
    """A running WireGuard interface, read whole."""

    private_key: PrivateKey | None = None
    listen_port: int = 0
    fwmark: int = 0
    peers: tuple[PeerState, ...] = ()

    def peer(self, key: PublicKey) -> PeerState | None:
        """The peer with this key, None when there is none."""
        return next((peer for peer in self.peers if peer.public_key == key), None)


class PeerUpdate(NamedTuple):
    """What to change on one peer; None leaves a value as it is.

    `allowed_ips` are added (and taken from the peer that had them); with `replace_allowed_ips`
    they become the whole list. `removed_ips` are taken away after that. A preshared key of zeros
    removes it. `update_only` makes no new peer.
    """

    public_key: PublicKey
    remove: bool = False
    preshared_key: PresharedKey | None = None
    endpoint: Endpoint | None = None
    keepalive: int | None = None
    allowed_ips: tuple[Prefix, ...] = ()
    replace_allowed_ips: bool = False
    removed_ips: tuple[Prefix, ...] = ()
    update_only: bool = False


@dataclass(frozen=True, slots=True)
class DeviceUpdate:
    """What to change on an interface, all or nothing; None leaves a value as it is.

    A private key of zeros takes the identity away (wireguard UAPI).
    """

    private_key: PrivateKey | None = None
    listen_port: int | None = None
    fwmark: int | None = None
    peers: tuple[PeerUpdate, ...] = ()
    replace_peers: bool = False

"""Small values that describe a machine's network: what facts, desired state and changes share."""

from __future__ import annotations

from typing import NamedTuple

from meshc.errors import PrefixFormatError
from meshc.keys import PresharedKey, PrivateKey, PublicKey
from meshc.prefixes import Prefix, parse_address
from meshc.values import dataclass
from meshc.wg.conf import HostPort

MAIN_TABLE = 254
"""`main` of rt_tables(5): where routes go unless a table is named."""


class LinkFact(NamedTuple):
    """An interface as it is; `kind` is the rtnetlink kind, empty for a hardware device."""

    name: str
    ifindex: int
    kind: str
    mtu: int
    up: bool


class RouteFact(NamedTuple):
    """A route of any device. `mtu` is the route's own metric, None when it has none."""

    prefix: Prefix
    table: int
    device: str
    metric: int = 0
    gateway: str | None = None
    mtu: int | None = None


class PolicyRule(NamedTuple):
    """An entry of the routing policy database (ip-rule(8)); `family` is 4 or 6."""

    family: int
    priority: int
    table: int
    fwmark: int | None = None
    inverted: bool = False
    suppress_prefixlength: int | None = None
    foreign: bool = False
    """It has conditions that meshc never writes (a source, a device); such a rule is left alone."""

    def same_effect(self, other: PolicyRule) -> bool:
        """Equal but for the priority."""
        return self._replace(priority=0) == other._replace(priority=0)


class PeerState(NamedTuple):
    """A peer as the running WireGuard has it. `handshake` is unix time in seconds, 0 for never;
    `received` and `sent` count bytes. `allowed_ips` is sorted."""

    public_key: PublicKey
    preshared_key: PresharedKey | None = None
    endpoint: HostPort | None = None
    allowed_ips: tuple[Prefix, ...] = ()
    keepalive: int = 0
    handshake: float = 0.0
    received: int = 0
    sent: int = 0


@dataclass(frozen=True, slots=True)
class Device:
    """A running WireGuard interface, read whole; `peers` is sorted by public key."""

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
    they become the whole list. A preshared key of zeros removes it (wireguard UAPI).
    """

    public_key: PublicKey
    remove: bool = False
    preshared_key: PresharedKey | None = None
    endpoint: HostPort | None = None
    keepalive: int | None = None
    allowed_ips: tuple[Prefix, ...] = ()
    replace_allowed_ips: bool = False


@dataclass(frozen=True, slots=True)
class DeviceUpdate:
    """What to change on an interface; None leaves a value as it is."""

    private_key: PrivateKey | None = None
    listen_port: int | None = None
    fwmark: int | None = None
    peers: tuple[PeerUpdate, ...] = ()


def is_literal(host: str) -> bool:
    """Whether it is an address already."""
    try:
        parse_address(host)
    except PrefixFormatError:
        return False
    return True

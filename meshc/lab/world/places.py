"""The simulated internet as values: which namespaces, cables, addresses and routes there are.

Nothing here touches the system: `layout.py` makes a `LabWorld` of a topology, `cabling.py` builds
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from meshc.prefixes import InterfaceAddress, Prefix
from meshc.values import dataclass


class PlaceKind(Enum):
    """What a namespace plays."""

    INTERNET = "internet"
    HOST = "public host"
    NAT = "nat"
    CARRIER = "carrier nat"
    NODE = "node"
    LAN = "lan host"


class Port(NamedTuple):
    """An interface: the namespace it is in and its name there."""

    place: str
    interface: str


class Shape(NamedTuple):
    """What a cable does to packets, in each direction; zero means nothing. `delay` and `jitter`
    in milliseconds, `loss` in percent, `rate` in kbit/s; `mtu` in bytes (0: that of Ethernet)."""

    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    rate: int = 0
    mtu: int = 0


class Cable(NamedTuple):
    """A veth pair. `left` is the end towards the internet; the name is what `lab capture` takes."""

    name: str
    left: Port
    right: Port
    shape: Shape = Shape()


ASKING = 0x6D65
"""The mark of packets by which a host on a LAN acts as one that was told the way into the mesh:
its router of the mesh. What is not marked knows nothing of it. Also the number of the table."""


class Route(NamedTuple):
    """`via` None means on the link itself; `source` is the preferred source address. Who is
    `asking` sends marked packets there."""

    prefix: Prefix
    interface: str
    via: str | None = None
    source: str | None = None
    asking: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One namespace. `bridges` maps a bridge to its member interfaces, `rules` is nft(8) text,
    `sysctls` are (path below /proc/sys, value)."""

    name: str
    kind: PlaceKind
    title: str
    bridges: Mapping[str, tuple[str, ...]]
    addresses: tuple[tuple[str, InterfaceAddress], ...]
    routes: tuple[Route, ...]
    rules: str = ""
    sysctls: tuple[tuple[str, str], ...] = ()


class LanHost(NamedTuple):
    """A host behind a subnet router: where it is, and which routed prefix it stands for."""

    place: str
    router: str
    prefix: Prefix
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabWorld:
    """A whole simulated internet.

    `names` is what its DNS answers; `uplinks` the cable through which each node (and each site,
    under the site's name) reaches the internet; `nat_of` the namespace of the NAT in front of
    each node; `public` the addresses that each node has on the internet, as others see them;
    `hosts` the addresses of the public host, `beyond` those by which it plays the prefixes on the
    internet that `tests:` speak of, `name_servers` the addresses at which places inside serve
    names; `absent` the nodes that cannot take part, with
    the reason.
    """

    places: Mapping[str, Place]
    cables: tuple[Cable, ...]
    names: Mapping[str, tuple[str, ...]]
    uplinks: Mapping[str, str]
    nat_of: Mapping[str, str]
    public: Mapping[str, tuple[str, ...]]
    lan_hosts: tuple[LanHost, ...]
    hosts: tuple[str, ...]
    resolvers: tuple[str, ...]
    beyond: Mapping[str, str]
    name_servers: Mapping[str, tuple[str, ...]]
    absent: Mapping[str, str]

    def cable(self, name: str) -> Cable:
        """Raises: KeyError when there is no such cable."""
        for cable in self.cables:
            if cable.name == name:
                return cable
        raise KeyError(name)

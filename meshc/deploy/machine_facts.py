"""Facts of the machine under a node, beside the interface: what is in its way there.

Part of the protocol, and written as it is: for the Python 3.8 of a node.
"""

# ruff: noqa: UP006, UP035, UP045 (Python 3.8 cannot evaluate the newer spelling)

from dataclasses import dataclass, field
from enum import Enum
from typing import Mapping, Optional, Tuple


@dataclass(frozen=True)
class DirectoryFacts:
    """A directory for new files, or the nearest one above it that exists. `free` is in bytes."""

    path: str = "/etc/wireguard"
    writable: bool = True
    free: int = 1 << 30


@dataclass(frozen=True)
class MachineQuestion:
    """What the answer depends on: the UDP port that the interface listens at, the families that it
    forwards, and the addresses of its peers outside of the tunnel."""

    port: Optional[int] = None
    forwards: Tuple[int, ...] = ()
    endpoints: Tuple[str, ...] = ()


@dataclass(frozen=True)
class ForeignDrop:
    """`what` does not pass: `rule` in `where` drops it, and `remedy` would let it pass."""

    what: str
    where: str
    rule: str
    remedy: str


@dataclass(frozen=True)
class ForeignRoute:
    """A route of the main table that leads elsewhere than into the interface."""

    prefix: str
    device: str
    metric: int = 0


@dataclass(frozen=True)
class MachineFacts:
    """`time` is in seconds since 1970. `holder` is who has the UDP port, empty for nobody else.
    `path_mtu` is that of the way to an endpoint; `closed` are switches of forwarding, below
    /proc/sys, that are off and that nobody may write; `valid_mark` is the value of src_valid_mark
    where nobody may write that, else empty. `tunnels` are the kinds of the tunnels that
    others have, by the name of their device."""

    time: int = 0
    ipv6: bool = True
    holder: str = ""
    drops: Tuple[ForeignDrop, ...] = ()
    routes: Tuple[ForeignRoute, ...] = ()
    path_mtu: Mapping[str, int] = field(default_factory=dict)
    closed: Tuple[str, ...] = ()
    valid_mark: str = ""
    tunnels: Mapping[str, str] = field(default_factory=dict)


class Mending(Enum):
    """What brings an interface back to its file: the file written anew, its peers and settings
    synchronised while it runs, or all of it brought up again."""

    FILE = "file"
    PEERS = "peers"
    ALL = "all"


@dataclass(frozen=True)
class Drift:
    """One thing in which what runs is not as its file says, in words, and what mends it; `route`
    is the prefix of a route that is gone."""

    mending: Mending
    what: str
    route: str = ""

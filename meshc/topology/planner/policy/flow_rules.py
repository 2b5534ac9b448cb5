"""Firewall rules of a node as values: which flows pass, and whose source is hidden.

Interfaces are named by what they are to the node, because only the node knows what they are
called; every dialect below `render/firewall/` writes these same values in its own words.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from itertools import product
from typing import NamedTuple

from meshc.prefixes import Prefix
from meshc.topology.language.spec import Service


class Side(Enum):
    """An interface by its role: `WAN` has the default route, `OUTSIDE` is any but the tunnel."""

    TUNNEL = "tunnel"
    WAN = "wan"
    OUTSIDE = "outside"


class Decision(Enum):
    """What becomes of a flow. `HOST` leaves it to the rules that the host has of its own."""

    ACCEPT = "accept"
    DROP = "drop"
    HOST = "host"


class FlowState(Enum):
    """Of the connection: `ANSWER` belongs to one that was let through before; `PUBLISHED` is
    translated to an address behind this host (DNAT), as Docker does for published ports."""

    ANSWER = "answer"
    PUBLISHED = "published"


class ForwardRule(NamedTuple):
    """One rule for forwarded packets; None matches anything. The first that matches decides."""

    decision: Decision
    way_in: Side | None = None
    way_out: Side | None = None
    source: Prefix | None = None
    destination: Prefix | None = None
    state: FlowState | None = None


class NatRule(NamedTuple):
    """One rule for sources on the way out; a packet from any of `sources` to any of `destinations`
    matches, and with none of them anything does. Without `masquerade` the source stays visible, as
    far as we are concerned."""

    masquerade: bool
    way_out: Side | None = None
    sources: tuple[Prefix, ...] = ()
    destinations: tuple[Prefix, ...] = ()

    def pairs(self) -> Iterator[tuple[Prefix | None, Prefix | None]]:
        """Each source with each destination; None for anything."""
        return product(self.sources or (None,), self.destinations or (None,))


class Grant(NamedTuple):
    """Services at targets."""

    targets: tuple[Prefix, ...]
    services: tuple[Service, ...]


class AccessRow(NamedTuple):
    """What some sources may reach; sources and targets of one row do not overlap each other."""

    sources: tuple[Prefix, ...]
    grants: tuple[Grant, ...]


class AccessRules(NamedTuple):
    """Which connections may begin through a node; what no row grants is dropped. Rows do not share
    sources. `inbound` are the targets that lie on the node itself, `lans` the sources beside it,
    whose connections it lets into the tunnel; `strangers` are sources that lie elsewhere in the
    network, so that nobody beside the node can have them. With `outbound` what it sends of its own
    is held to the rows as well, for receivers that cannot look themselves. `control` are the agents
    with which the one here talks, whatever the rows say."""

    inbound: tuple[Prefix, ...]
    rows: tuple[AccessRow, ...]
    lans: tuple[Prefix, ...] = ()
    strangers: tuple[Prefix, ...] = ()
    outbound: bool = False
    control: tuple[Prefix, ...] = ()


class FamilyRules(NamedTuple):
    """All rules of one address family (4 or 6), in their order. With `clamp_mss` the segment size
    of TCP is cut to what the path takes, both ways through the tunnel. Without `access` there are
    no policies; a node that `forwards` nothing has rules for what reaches itself."""

    family: int
    forward: tuple[ForwardRule, ...]
    nat: tuple[NatRule, ...] = ()
    clamp_mss: bool = False
    access: AccessRules | None = None
    forwards: bool = True

"""Small values that describe a machine's network: what facts, desired state and changes share."""

from __future__ import annotations

from typing import NamedTuple

from meshc.errors import PrefixFormatError
from meshc.prefixes import Prefix, parse_address

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
    """A route of any device. `mtu` is the route's own metric, None when it has none; `connected`
    tells the network of an address of the device from what somebody routes to it."""

    prefix: Prefix
    table: int
    device: str
    metric: int = 0
    gateway: str | None = None
    mtu: int | None = None
    connected: bool = False


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


def is_literal(host: str) -> bool:
    """Whether it is an address already."""
    try:
        parse_address(host)
    except PrefixFormatError:
        return False
    return True

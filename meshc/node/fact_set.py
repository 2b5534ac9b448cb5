"""What was read from a machine before anything is decided: pure values, so that every decision
can be tested with facts in and changes out."""

from __future__ import annotations

from collections.abc import Mapping

from meshc.node.system.dns import DnsFacts
from meshc.node.system.firewall import FirewallFacts
from meshc.node.system_values import MAIN_TABLE, LinkFact, PolicyRule, RouteFact
from meshc.prefixes import InterfaceAddress, Prefix
from meshc.values import dataclass, field
from meshc.wg.device_values import DeviceState

NO_DNS = DnsFacts()


@dataclass(frozen=True, slots=True)
class FactSet:
    """One look at the machine. `link` is None when the interface does not exist; `device` is
    None when it does not, or is no WireGuard.

    `resolved` maps the host names of endpoints to addresses, `path_mtu` those addresses to the
    MTU of the route towards them (outside the tunnel). `sysctls` holds paths below /proc/sys.
    `firewall` is read only for a file that needs it.
    """

    interface: str
    link: LinkFact | None = None
    device: DeviceState | None = None
    addresses: tuple[InterfaceAddress, ...] = ()
    links: tuple[LinkFact, ...] = ()
    routes: tuple[RouteFact, ...] = ()
    rules: tuple[PolicyRule, ...] = ()
    resolved: Mapping[str, str] = field(default_factory=dict)
    path_mtu: Mapping[str, int] = field(default_factory=dict)
    sysctls: Mapping[str, str] = field(default_factory=dict)
    firewall: Mapping[int, FirewallFacts] = field(default_factory=dict)
    has_nft: bool = False
    nft_tables: frozenset[str] = frozenset()
    dns: DnsFacts = NO_DNS
    no_ipv6: bool = False
    """Whether IPv6 is off on this machine altogether, so that none can leave it either."""
    counted: frozenset[int] = frozenset()
    """The families that are forwarded for the sake of this interface."""
    closed_tables: frozenset[tuple[int, int]] = frozenset()
    """Family and number of routing tables that let nothing out without a tunnel."""
    agent: bool = False
    """Whether the loop that watches the endpoints runs."""

    def link_mtu(self, name: str) -> int | None:
        """The MTU of a device, None when it does not exist."""
        return next((link.mtu for link in self.links if link.name == name), None)

    def default_route(self, family: int) -> RouteFact | None:
        """The preferred default route of the main table that is not into the interface."""
        found = [
            route
            for route in self.routes
            if route.prefix == Prefix(family, 0, 0)
            and route.table == MAIN_TABLE
            and route.device != self.interface
        ]
        return min(found, key=lambda route: route.metric, default=None)

    def own_lan(self, prefix: Prefix) -> str:
        """The device of a network that the machine is in itself, when it is just this one; empty
        when there is none."""
        return next(
            (
                route.device
                for route in self.routes
                if route.prefix == prefix
                and route.table == MAIN_TABLE
                and route.connected
                and route.device != self.interface
            ),
            "",
        )

    @property
    def families(self) -> tuple[int, ...]:
        """The address families of the machine."""
        return (4,) if self.no_ipv6 else (4, 6)

    def table_is_used(self, table: int) -> bool:
        """Whether a routing table has routes of either family."""
        return any(route.table == table for route in self.routes)

    def own_routes(self) -> frozenset[tuple[Prefix, int]]:
        """Prefix and table of each route into the interface."""
        return frozenset(
            (route.prefix, route.table) for route in self.routes if route.device == self.interface
        )

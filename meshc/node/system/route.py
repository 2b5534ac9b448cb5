"""Routes into the interface, as wg-quick(8) makes them from AllowedIPs."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from meshc.errors import NodeError
from meshc.node.change import Change
from meshc.node.system_values import MAIN_TABLE
from meshc.prefixes import InterfaceAddress, Prefix
from meshc.values import dataclass

if TYPE_CHECKING:
    from meshc.node.machine import Machine

_RT_TABLES = ("/etc/iproute2/rt_tables", "/usr/share/iproute2/rt_tables")
_NAMES = {"unspec": 0, "default": 253, "main": 254, "local": 255}


@dataclass(frozen=True, slots=True)
class RouteAdd(Change):
    """`prefix` as text, `table` as a number."""

    goes_with_link: ClassVar[bool] = True
    interface: str
    prefix: str
    table: int

    @property
    def slot(self) -> Hashable:
        return ("route", self.interface, self.prefix, self.table)

    def describe(self) -> str:
        where = "" if self.table == MAIN_TABLE else f" in table {self.table}"
        return f"route {self.prefix} into {self.interface}{where}"

    def apply(self, machine: Machine) -> None:
        prefix = Prefix.parse(self.prefix)
        if not machine.netlink.add_route(self.interface, prefix, self.table):
            raise NodeError(
                f"there is already a route to {self.prefix}",
                hint=f"see `ip route show {self.prefix}`; `Table = off` leaves routes to you",
            )

    def reverse(self, machine: Machine) -> None:
        machine.netlink.delete_route(self.interface, Prefix.parse(self.prefix), self.table)


@dataclass(frozen=True, slots=True)
class RouteAside(Change):
    """A route that is left out while the machine is in that very network itself (`device`): its
    own gateway and neighbours must not vanish into the tunnel."""

    goes_with_link: ClassVar[bool] = True
    interface: str
    prefix: str
    table: int
    device: str

    @property
    def slot(self) -> Hashable:
        return ("route", self.interface, self.prefix, self.table)

    @property
    def wish(self) -> Hashable:
        return ("route aside", self.interface, self.prefix, self.table)

    def describe(self) -> str:
        return f"no route {self.prefix} into {self.interface}: {self.device} is in that network"

    def apply(self, machine: Machine) -> None:
        machine.netlink.delete_route(self.interface, Prefix.parse(self.prefix), self.table)

    def reverse(self, machine: Machine) -> None:
        return


def main_routes(
    allowed_ips: Iterable[Prefix], addresses: Iterable[InterfaceAddress]
) -> tuple[Prefix, ...]:
    """The routes for the main table: one a prefix, longest first, but none that a route of the
    interface covers already. Those are the networks of its own addresses: an IPv6 address always
    makes a route in the main table, a single IPv4 one (/32) does not. Default routes are not for
    this table and left out."""
    connected = [a.network for a in addresses if not (a.family == 4 and a.length == 32)]
    wanted = sorted(set(allowed_ips), key=lambda prefix: (prefix.family, -prefix.length, prefix))
    return tuple(
        prefix
        for prefix in wanted
        if prefix.length and not any(network.contains(prefix) for network in connected)
    )


def table_number(text: str) -> int:
    """A table by number (decimal or 0x) or by a name of rt_tables(5). Raises: NodeError."""
    try:
        number = int(text, 0)
    except ValueError:
        number = _NAMES.get(text) or _named_tables().get(text, -1)
    if not 0 < number < 1 << 32:
        raise NodeError(
            f"Table = {text[:40]} is neither a number nor a name",
            hint="names are those of /etc/iproute2/rt_tables",
        )
    return number


def _named_tables() -> dict[str, int]:
    found: dict[str, int] = {}
    paths = [Path(path) for path in reversed(_RT_TABLES)]
    paths += sorted(Path("/etc/iproute2/rt_tables.d").glob("*.conf"))
    for path in paths:
        if not path.exists():
            continue
        for line in path.read_text().splitlines():
            words = line.partition("#")[0].split()
            if len(words) == 2 and words[0].isdigit():
                found[words[1]] = int(words[0])
    return found

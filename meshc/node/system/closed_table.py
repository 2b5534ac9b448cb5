"""A routing table that lets nothing out when the interface is gone: its last route says so.

The routes of a tunnel go with its interface, and what looked them up would go on to the default
route of the place. One that leads nowhere, behind all others, stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshc.node.change import Change
from meshc.values import dataclass

if TYPE_CHECKING:
    from meshc.node.machine import Machine


@dataclass(frozen=True, slots=True)
class TableClosed(Change):
    """An unreachable default route in `table`."""

    family: int
    table: int

    def describe(self) -> str:
        return f"IPv{self.family} table {self.table} lets nothing out without the tunnel"

    def apply(self, machine: Machine) -> None:
        machine.netlink.close_table(self.family, self.table)

    def reverse(self, machine: Machine) -> None:
        machine.netlink.open_table(self.family, self.table)

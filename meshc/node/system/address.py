"""Addresses of the interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from meshc.node.change import Change
from meshc.prefixes import InterfaceAddress
from meshc.values import dataclass

if TYPE_CHECKING:
    from meshc.node.machine import Machine


@dataclass(frozen=True, slots=True)
class AddressAdd(Change):
    """`address` is text with its length, `10.44.0.1/24`."""

    goes_with_link: ClassVar[bool] = True
    interface: str
    address: str

    def describe(self) -> str:
        return f"address {self.address} on {self.interface}"

    def apply(self, machine: Machine) -> None:
        machine.netlink.add_address(self.interface, InterfaceAddress.parse(self.address))

    def reverse(self, machine: Machine) -> None:
        machine.netlink.delete_address(self.interface, InterfaceAddress.parse(self.address))

"""The interface itself: made by a backend, given an MTU, set up."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from meshc.errors import NodeError
from meshc.node.backends import candidates
from meshc.node.change import Change
from meshc.values import dataclass

if TYPE_CHECKING:
    from meshc.node.machine import Machine


@dataclass(frozen=True, slots=True)
class LinkAdd(Change):
    """Makes the interface with the first engine that works. Taking the interface away takes its
    addresses, its routes and its WireGuard along."""

    interface: str
    engine: str

    def describe(self) -> str:
        return f"create {self.interface} ({self.engine})"

    def apply(self, machine: Machine) -> None:
        reasons: list[str] = []
        for candidate in candidates(self.engine, machine.backends):
            why = candidate.missing()
            if not why:
                try:
                    candidate.create(machine, self.interface)
                except NodeError as error:
                    why = f"{error}; {error.hint}" if error.hint else str(error)
                else:
                    machine.engine = candidate
                    return
            reasons.append(f"{candidate.name}: {why}")
        raise NodeError(f"no engine works here ({'. '.join(reasons)})")

    def reverse(self, machine: Machine) -> None:
        # the engine that was found may not have been written down: each looks for its own traces
        try:
            known = (
                (machine.engine,) if machine.engine else candidates(self.engine, machine.backends)
            )
        except NodeError:
            if machine.netlink.link(self.interface) is None:
                return  # a name that no engine has made nothing
            raise
        for one in known:
            one.destroy(machine, self.interface)


@dataclass(frozen=True, slots=True)
class LinkSet(Change):
    """Sets the MTU and brings the interface up; `before` is the MTU that it had."""

    recorded: ClassVar[bool] = False
    interface: str
    mtu: int
    before: int | None = None

    def describe(self) -> str:
        was = f" (was {self.before})" if self.before is not None else ""
        return f"set {self.interface} up with MTU {self.mtu}{was}"

    def apply(self, machine: Machine) -> None:
        machine.netlink.set_link(self.interface, mtu=self.mtu, up=True)

    def reverse(self, machine: Machine) -> None:
        if self.before is not None:
            machine.netlink.set_link(self.interface, mtu=self.before)

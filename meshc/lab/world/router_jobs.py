"""Jobs in the namespace of a router: new rules, forgotten mappings, another address."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from meshc.lab.world.cabling import load_rules, netlink
from meshc.lab.world.jobs import Job


@dataclass(frozen=True, slots=True)
class LoadRules(Job[None]):
    """Loads `rules` (nft text)."""

    rules: str

    def run(self) -> None:
        load_rules(self.rules)


@dataclass(frozen=True, slots=True)
class ForgetMappings(Job[None]):
    """Empties this router's memory of connections, as a restart does; `rules`, when there are any,
    replace its own first."""

    rules: str = ""

    def run(self) -> None:
        if self.rules:
            load_rules(self.rules)
        _flush()


@dataclass(frozen=True, slots=True)
class MoveAddress(Job[None]):
    """The provider gives this router another IPv4 address: `old` on `interface` becomes `new`, with
    the same `gateway`."""

    interface: str
    old: str
    new: str
    gateway: str

    def run(self) -> None:
        with netlink() as link:
            index = link.link_lookup(ifname=self.interface)[0]
            link.addr("add", index=index, address=self.new, prefixlen=32)
            link.route(
                "replace", dst="0.0.0.0/0", gateway=self.gateway, oif=index, prefsrc=self.new
            )
            link.addr("del", index=index, address=self.old, prefixlen=32)
        _flush()


@dataclass(frozen=True, slots=True)
class RouteAddress(Job[None]):
    """The internet learns where `address` is now: behind `interface`."""

    address: str
    interface: str

    def run(self) -> None:
        with netlink() as link:
            index = link.link_lookup(ifname=self.interface)[0]
            link.route(
                "replace", family=socket.AF_INET, dst=f"{self.address}/32", oif=index, scope=253
            )


def _flush() -> None:
    from pyroute2.netlink.nfnetlink.nfctsocket import NFCTSocket

    with NFCTSocket() as table:
        table.flush()

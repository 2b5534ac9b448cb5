"""The draft of one place of the lab: a namespace while it is being laid out."""

from __future__ import annotations

from meshc.lab.world.places import Place, PlaceKind, Route
from meshc.prefixes import InterfaceAddress, Prefix
from meshc.values import dataclass, field


@dataclass(slots=True)
class PlaceDraft:
    """A namespace while it is being laid out."""

    name: str
    kind: PlaceKind
    title: str
    bridges: dict[str, list[str]] = field(default_factory=dict)
    addresses: list[tuple[str, InterfaceAddress]] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    rules: str = ""
    forwards: bool = False

    def address(self, interface: str, text: str, length: int | None = None) -> None:
        parsed = InterfaceAddress.parse(text)
        if length is not None:
            parsed = parsed._replace(length=length)
        known = {(name, a.family, a.value) for name, a in self.addresses}
        if (interface, parsed.family, parsed.value) not in known:
            self.addresses.append((interface, parsed))

    def route(
        self,
        prefix: Prefix | str,
        interface: str,
        via: str | None = None,
        source: str | None = None,
        *,
        asking: bool = False,
    ) -> None:
        if isinstance(prefix, str):
            prefix = Prefix.parse(prefix)
        self.routes.append(Route(prefix, interface, via, source, asking))

    def done(self) -> Place:
        return Place(
            name=self.name,
            kind=self.kind,
            title=self.title,
            bridges={name: tuple(ports) for name, ports in self.bridges.items()},
            addresses=tuple(self.addresses),
            routes=tuple(dict.fromkeys(self.routes)),
            rules=self.rules,
            sysctls=_sysctls(self),
        )


def _sysctls(place: PlaceDraft) -> tuple[tuple[str, str], ...]:
    """Said outright, because a new namespace takes some of these from the host's."""
    forward = "1" if place.forwards else "0"
    return (
        ("net/ipv4/ip_forward", forward),
        ("net/ipv6/conf/all/forwarding", forward),
        ("net/ipv6/conf/default/accept_dad", "0"),
        ("net/ipv6/conf/default/router_solicitations", "0"),
        # Loose, as distributions ship it; strict would drop what comes round another way.
        ("net/ipv4/conf/all/rp_filter", "2" if place.kind is PlaceKind.NODE else "0"),
        # Path probing reads "time exceeded" from relays: none of them may be rationed away.
        ("net/ipv4/icmp_ratelimit", "0"),
        ("net/ipv4/icmp_msgs_per_sec", "1000000"),
        ("net/ipv4/icmp_msgs_burst", "100000"),
        ("net/ipv6/icmp/ratelimit", "0"),
    )

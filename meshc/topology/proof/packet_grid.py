"""The grid of packets that are judged together: one of each class of sources, targets and services.

A set of packets of one source is the bits of one whole number, its row: for each target as many
bits as there are services. So a rule that decides about all of them costs a handful of operations.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from meshc.prefixes import Prefix
from meshc.values import dataclass, field


@dataclass(slots=True)
class PacketGrid:
    """`addresses`, ascending, are sources and targets alike; `services` (protocol, port) pairs,
    those of a protocol together and ascending. Sets of addresses and of services are bits as well,
    in the order of these two."""

    family: int
    addresses: Sequence[int]
    services: Sequence[tuple[str, int]]
    _known: dict[Sequence[Prefix], int] = field(default_factory=dict)
    _spread: dict[int, int] = field(default_factory=dict)
    _ports: dict[str, tuple[int, list[int]]] = field(default_factory=dict)

    def within(self, region: Sequence[Prefix]) -> int:
        """The addresses that lie in a region."""
        found = self._known.get(region)
        if found is None:
            found = 0
            for family, value, length in region:
                if family == self.family:
                    low = bisect_left(self.addresses, value)
                    last = Prefix(family, value, length).last
                    high = bisect_right(self.addresses, last, low)
                    found |= (1 << high) - (1 << low)
            self._known[region] = found
        return found

    def row(self, targets: int, services: int) -> int:
        """The packets to each of these targets with each of these services."""
        spread = self._spread.get(targets)
        if spread is None:
            width = len(self.services)
            spread = sum(1 << target * width for target in bits(targets))
            self._spread[targets] = spread
        return spread * services

    @property
    def everywhere(self) -> int:
        """All addresses."""
        return (1 << len(self.addresses)) - 1

    @property
    def everything(self) -> int:
        """All services."""
        return (1 << len(self.services)) - 1

    def serving(self, protocol: str, first: int = 0, last: int = 65535) -> int:
        """The services of a protocol, or of any for "", with a port from `first` to `last`."""
        if not self._ports:
            for place, (name, port) in enumerate(self.services):
                self._ports.setdefault(name, (place, []))[1].append(port)
        found = 0
        for name in (protocol,) if protocol else self._ports:
            place, ports = self._ports.get(name, (0, []))
            low, high = bisect_left(ports, first), bisect_right(ports, last)
            found |= (1 << place + high) - (1 << place + low)
        return found

    def packet(self, row: int) -> tuple[int, tuple[str, int]]:
        """(target, service) of the first packet in a row that has one."""
        target, service = divmod((row & -row).bit_length() - 1, len(self.services))
        return self.addresses[target], self.services[service]


def bits(number: int) -> Iterator[int]:
    """The places of the bits that are set, lowest first."""
    while number:
        low = number & -number
        yield low.bit_length() - 1
        number ^= low

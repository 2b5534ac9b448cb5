"""Classes of addresses and services that neither the policies nor the rules of a node tell apart.

One packet of each class speaks for all. A class is named by 128 bits of the sets that it lies in
(the sum of a number for each set), so that cutting costs as much as there are sets.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from meshc.prefixes import BITS, Prefix
from meshc.topology.language.spec import PolicySpec, Service
from meshc.topology.obligations.access import Access, Rules, Stretches
from meshc.topology.proof.iptables_rule import Rule
from meshc.topology.proof.packet_grid import PacketGrid
from meshc.topology.proof.rule_grid import Bundles
from meshc.values import dataclass

_MASK = (1 << 128) - 1
OTHER = ("other", 0)


@dataclass(slots=True)
class AccessClasses:
    """One packet of each class of one family at one node. `allowed` says what policies let begin:
    a row for each source."""

    grid: PacketGrid
    allowed: list[int]

    @classmethod
    def of(
        cls,
        access: Access,
        family: int,
        bundles: Bundles,
        regions: Iterable[Sequence[Prefix]],
        matter: Rules,
    ) -> AccessClasses:
        """`regions` are further sets of addresses that matter. Of the policies only the rules that
        `matter` are looked at: `allowed` knows of no other."""
        rules = [rule for some in bundles.values() for rule, _, _ in some]
        sets = [*sets_of(bundles), *regions]
        names = AddressNames.of(family, sets, _relation(access, family), matter)
        services = service_classes((s for n in matter for s in access.rules[n].services), rules)
        grid = PacketGrid(family, names.one_of_each(), services)
        return cls(grid, [*_allowed(access, grid, matter)])


def sets_of(bundles: Bundles) -> list[tuple[Prefix, ...]]:
    """The sets of addresses that rules name."""
    named = (s for some in bundles.values() for _, *sides in some for s in sides if s is not None)
    return [*dict.fromkeys(named)]


def _relation(access: Access, family: int) -> tuple[Stretches, Stretches]:
    return access.senders[family], access.receivers[family]


def _allowed(access: Access, grid: PacketGrid, matter: Rules) -> Iterator[int]:
    """For each source, what the rules that matter let it begin."""
    senders, receivers = _relation(access, grid.family)
    targets = dict.fromkeys(matter, 0)
    for place, address in enumerate(grid.addresses):
        for number in receivers.at(address) & matter:
            targets[number] |= 1 << place
    rows = {n: grid.row(some, _served(access.rules[n], grid)) for n, some in targets.items()}
    known: dict[Rules, int] = {}
    for address in grid.addresses:
        sending = senders.at(address) & matter
        if sending not in known:
            row = 0
            for number in sending:
                row |= rows[number]
            known[sending] = row
        yield known[sending]


def _served(rule: PolicySpec, grid: PacketGrid) -> int:
    return grid.served(
        any(_holds(wide, protocol, port) for wide in rule.services)
        for protocol, port in grid.services
    )


def _holds(wide: Service, protocol: str, port: int) -> bool:
    """Whether everything of a class is in a service; what has no ports has all of them."""
    if wide.protocol in ("all", protocol):
        ports = (port, port) if protocol in ("tcp", "udp") else (0, 65535)
        return wide.protocol == "all" or (wide.first <= ports[0] and ports[1] <= wide.last)
    return False


@dataclass(slots=True)
class AddressNames:
    """Every address of one family by the sets that it lies in: from `bounds[n]` to the next bound
    all have the name `names[n]`."""

    bounds: list[int]
    names: list[int]

    @classmethod
    def of(
        cls,
        family: int,
        sets: Iterable[Sequence[Prefix]],
        relations: Iterable[Stretches] = (),
        matter: Rules | None = None,
    ) -> AddressNames:
        """Cut by `sets`, and by those of the numbers in `relations` that `matter`, or by all."""
        steps: dict[int, int] = {0: 0}
        for number, prefixes in enumerate(sets):
            weight = _weight(b"set %d" % number)
            for prefix in prefixes:
                if prefix.family == family:
                    steps[prefix.value] = steps.get(prefix.value, 0) + weight
                    end = prefix.last + 1
                    steps[end] = steps.get(end, 0) - weight
        for number, stretches in enumerate(relations):
            weights: dict[Rules, int] = {}
            for first, last, rules in stretches.items:
                known = weights.get(rules)
                if known is None:
                    some = rules if matter is None else rules & matter
                    text = b"%d of %d" % (_rules_number(some), number)
                    known = weights[rules] = _weight(text) if some else 0
                if known:
                    steps[first] = steps.get(first, 0) + known
                    steps[last + 1] = steps.get(last + 1, 0) - known
        steps.pop(1 << BITS[family], None)
        bounds = sorted(steps)
        name = 0
        names: list[int] = []
        for address in bounds:
            name = (name + steps[address]) & _MASK
            names.append(name)
        return cls(bounds, names)

    def at(self, address: int) -> int:
        return self.names[bisect_right(self.bounds, address) - 1]

    def one_of_each(self) -> list[int]:
        """The lowest address of each name."""
        seen: dict[int, int] = {}
        for address, name in zip(self.bounds, self.names, strict=True):
            seen.setdefault(name, address)
        return list(seen.values())


def service_classes(
    services: Iterable[Service], rules: Iterable[Rule]
) -> tuple[tuple[str, int], ...]:
    """A (protocol, port) of each class; one that nobody names stands for all other protocols."""
    cuts: dict[str, set[int]] = {"tcp": {0}, "udp": {0}}
    for protocol, first, last in services:
        if protocol in cuts:
            cuts[protocol] |= {first, last + 1}
    others = set()
    for rule in rules:
        if rule.protocol in cuts and rule.ports is not None:
            cuts[rule.protocol] |= {rule.ports[0], rule.ports[1] + 1}
        elif rule.protocol not in ("", "icmp", *cuts):
            others.add(rule.protocol)
    return (
        *((protocol, port) for protocol, some in cuts.items() for port in sorted(some)
          if port <= 65535),
        ("icmp", 0),
        *((protocol, 0) for protocol in sorted(others)),
        OTHER,
    )  # fmt: skip


@lru_cache(maxsize=1 << 14)
def _rules_number(rules: Rules) -> int:
    return sum(1 << number for number in rules)


@lru_cache(maxsize=1 << 16)
def _weight(name: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(name, digest_size=16).digest(), "big")

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
from meshc.values import dataclass, field

_MASK = (1 << 128) - 1
OTHER = ("other", 0)
Spans = Sequence[tuple[int, int]]


@dataclass(slots=True)
class AccessClasses:
    """One packet of each class of one family at one node. `allowed` says what policies let begin:
    a row for each source."""

    grid: PacketGrid
    allowed: list[int]

    @classmethod
    def of(
        cls,
        relation: AccessRelation,
        bundles: Sequence[Bundles],
        regions: Iterable[Sequence[Prefix]],
        matter: Rules,
        further: Iterable[Service] = (),
    ) -> AccessClasses:
        """`bundles` are those of each of its firewalls, `regions` further sets of addresses that
        matter. Of the policies only the rules that `matter` are looked at: `allowed` knows of no
        other. `further` services are told apart as well."""
        access, family = relation.access, relation.family
        rules = [rule for one in bundles for some in one.values() for rule, _, _ in some]
        sets = dict.fromkeys((*(s for one in bundles for s in sets_of(one)), *regions))
        if len(matter) == len(access.rules):
            names = AddressNames.of(family, sets, relation.sides)
        else:
            names = AddressNames.of(family, sets, spans=relation.spans(matter))
        asked = (s for n in matter for s in access.rules[n].services)
        services = service_classes((*asked, *further), rules)
        grid = PacketGrid(family, names.one_of_each(), services)
        return cls(grid, [*_allowed(relation, grid, matter)])


def sets_of(bundles: Bundles) -> list[tuple[Prefix, ...]]:
    """The sets of addresses that rules name."""
    named = (s for some in bundles.values() for _, *sides in some for s in sides if s is not None)
    return [*dict.fromkeys(named)]


@dataclass(slots=True)
class AccessRelation:
    """The policies in one family; `sides` are their senders and their receivers."""

    access: Access
    family: int
    _by_rule: list[dict[int, list[tuple[int, int]]]] = field(default_factory=list)

    @property
    def sides(self) -> tuple[Stretches, Stretches]:
        return self.access.senders[self.family], self.access.receivers[self.family]

    def spans(self, matter: Rules) -> Iterator[Spans]:
        """The senders and the receivers of each of these rules."""
        if not self._by_rule:
            self._by_rule += map(_by_rule, self.sides)
        for number in sorted(matter):
            yield from (some.get(number, ()) for some in self._by_rule)


def _by_rule(side: Stretches) -> dict[int, list[tuple[int, int]]]:
    found: dict[int, list[tuple[int, int]]] = {}
    for first, last, rules in side.items:
        for number in rules:
            found.setdefault(number, []).append((first, last))
    return found


def _allowed(relation: AccessRelation, grid: PacketGrid, matter: Rules) -> Iterator[int]:
    """For each source, what the rules that matter let it begin."""
    senders, receivers = relation.sides
    served = relation.access.rules
    targets = dict.fromkeys(matter, 0)
    for place, address in enumerate(grid.addresses):
        for number in receivers.at(address) & matter:
            targets[number] |= 1 << place
    rows = {n: grid.row(some, _served(served[n], grid)) for n, some in targets.items()}
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
    found = 0
    for protocol, first, last in rule.services:
        found |= grid.serving("" if protocol == "all" else protocol, first, last)
    return found


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
        spans: Iterable[Spans] = (),
    ) -> AddressNames:
        """Cut by `sets`, by all rules of `relations`, and by the sets in `spans`."""
        steps: dict[int, int] = {0: 0}

        def add(first: int, last: int, weight: int) -> None:
            steps[first] = steps.get(first, 0) + weight
            steps[last + 1] = steps.get(last + 1, 0) - weight

        for number, prefixes in enumerate(sets):
            weight = _weight(b"set %d" % number)
            for prefix in prefixes:
                if prefix.family == family:
                    add(prefix.value, prefix.last, weight)
        for number, some in enumerate(spans):
            weight = _weight(b"spans %d" % number)
            for first, last in some:
                add(first, last, weight)
        for number, stretches in enumerate(relations):
            for first, last, rules in stretches.items:
                add(first, last, _weight(b"%d of %d" % (_rules_number(rules), number)))
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

"""Classes of addresses and services that neither the policies nor the rules of a node tell apart.

One packet of each class speaks for all. A class is named by 128 bits of the sets that it lies in
(the sum of a number for each set), so that cutting costs as much as there are sets.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from meshc.prefixes import BITS, Prefix
from meshc.topology.language.spec import Service
from meshc.topology.obligations.access import Access, Rules, Stretches
from meshc.topology.proof.iptables_rule import Rule
from meshc.topology.proof.peer_table import Bools
from meshc.topology.proof.rule_grid import Bundles
from meshc.values import dataclass

_MASK = (1 << 128) - 1
OTHER = ("other", 0)


@dataclass(slots=True)
class AccessClasses:
    """The classes of one family at one node: an address and a service of each. `allowed` says what
    policies let begin, by source, target and service."""

    family: int
    addresses: list[int]
    services: tuple[tuple[str, int], ...]
    allowed: Bools

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
        addresses = names.one_of_each()
        services = service_classes((s for n in matter for s in access.rules[n].services), rules)
        allowed = _allowed(access, family, addresses, services, sorted(matter))
        return cls(family, addresses, services, allowed)

    def inside(self, region: Sequence[Prefix]) -> Bools:
        """Which of the addresses lie in a region."""
        return np.array([any(p.value <= a <= p.last for p in region) for a in self.addresses], bool)


def sets_of(bundles: Bundles) -> list[tuple[Prefix, ...]]:
    """The sets of addresses that rules name."""
    named = {s for some in bundles.values() for _, *sides in some for s in sides if s is not None}
    return sorted(named)


def _relation(access: Access, family: int) -> tuple[Stretches, Stretches]:
    return access.senders[family], access.receivers[family]


def _allowed(
    access: Access,
    family: int,
    addresses: list[int],
    services: tuple[tuple[str, int], ...],
    matter: Sequence[int],
) -> Bools:
    place = {number: at for at, number in enumerate(matter)}
    sends, receives = (np.zeros((len(addresses), len(matter)), np.float32) for _ in "sr")
    for n, address in enumerate(addresses):
        for side, stretches in ((sends, access.senders), (receives, access.receivers)):
            rules = stretches[family].at(address)
            side[n, [place[number] for number in rules if number in place]] = 1
    serves = np.zeros((len(matter), len(services)), np.float32)
    protocols = np.array([protocol for protocol, _ in services])
    # what has no ports has all of them
    ports = np.isin(protocols, ("tcp", "udp"))
    low = np.where(ports, [port for _, port in services], 0)
    high = np.where(ports, low, 65535)
    for number, at in place.items():
        for wide in access.rules[number].services:
            inside = (protocols == wide.protocol) & (wide.first <= low) & (high <= wide.last)
            serves[at] += inside | (wide.protocol == "all")
    # each pair of sides is asked once: most addresses send or receive as others do
    sides = [np.unique(side, axis=0, return_inverse=True) for side in (sends, receives)]
    (some_s, which_s), (some_r, which_r) = sides
    found = (some_s[:, None, :] * some_r[None, :, :]) @ serves > 0
    all_pairs: Bools = found[np.ix_(which_s.reshape(-1), which_r.reshape(-1))]
    return all_pairs


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

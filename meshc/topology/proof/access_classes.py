"""Classes of addresses and services that neither the policies nor the rules of a node tell apart.

One packet of each class speaks for all. A class is named by 128 bits of the sets that it lies in
(the sum of a number for each set), so that cutting costs as much as there are sets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from meshc.prefixes import BITS, Prefix
from meshc.topology.language.spec import Service
from meshc.topology.obligations.access import Access, Rules, Stretches, covers
from meshc.topology.proof.iptables_rule import Rule
from meshc.topology.proof.netfilter import Firewall
from meshc.topology.proof.peer_table import Bools
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
        firewall: Firewall,
        regions: Iterable[Sequence[Prefix]],
    ) -> AccessClasses:
        """`regions` are further sets of addresses that matter."""
        rules = [
            rule
            for (of, table, _), some in firewall.chains.items()
            if of == family and table == "filter"
            for rule in some
        ]
        named = {p for rule in rules for p in (rule.source, rule.destination) if p is not None}
        sets = [*((prefix,) for prefix in sorted(named)), *regions]
        addresses = address_classes(family, sets, *_relation(access, family))
        services = service_classes([s for rule in access.rules for s in rule.services], rules)
        return cls(family, addresses, services, _allowed(access, family, addresses, services))

    def inside(self, region: Sequence[Prefix]) -> Bools:
        """Which of the addresses lie in a region."""
        return np.array([any(p.value <= a <= p.last for p in region) for a in self.addresses], bool)


def _relation(access: Access, family: int) -> tuple[Stretches, Stretches]:
    return access.senders[family], access.receivers[family]


def _allowed(
    access: Access, family: int, addresses: list[int], services: tuple[tuple[str, int], ...]
) -> Bools:
    count = len(access.rules)
    sends, receives = (np.zeros((len(addresses), count), np.float32) for _ in "sr")
    for n, address in enumerate(addresses):
        sends[n, list(access.senders[family].at(address))] = 1
        receives[n, list(access.receivers[family].at(address))] = 1
    serves = np.zeros((count, len(services)), np.float32)
    for number, rule in enumerate(access.rules):
        for v, (protocol, port) in enumerate(services):
            ports = protocol in ("tcp", "udp")
            one = Service(protocol, port, port) if ports else Service(protocol)
            serves[number, v] = any(covers(wide, one) for wide in rule.services)
    both = sends[:, None, :] * receives[None, :, :]
    found: Bools = (both @ serves) > 0
    return found


def address_classes(
    family: int, sets: Iterable[Sequence[Prefix]], *relations: Stretches
) -> list[int]:
    """An address of each class, the lowest first, cut by `sets` and by what is in `relations`."""
    steps: dict[int, int] = {0: 0}
    for number, prefixes in enumerate(sets):
        weight = _weight(b"set %d" % number)
        for prefix in prefixes:
            if prefix.family == family:
                steps[prefix.value] = steps.get(prefix.value, 0) + weight
                end = prefix.last + 1
                steps[end] = steps.get(end, 0) - weight
    for number, stretches in enumerate(relations):
        for first, last, rules in stretches.items:
            weight = _weight(b"%d of %d" % (_rules_number(rules), number))
            steps[first] = steps.get(first, 0) + weight
            steps[last + 1] = steps.get(last + 1, 0) - weight
    steps.pop(1 << BITS[family], None)
    seen: dict[int, int] = {}
    name = 0
    for address in sorted(steps):
        name = (name + steps[address]) & _MASK
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

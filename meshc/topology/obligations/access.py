"""Access: who may reach what, as `policies:` says it, with every name resolved to addresses.

A packet that begins a connection passes when some rule allows it; answers are none of its business.
It is a relation over (family, source, target, protocol, port). Addresses that no rule tells apart
form a class, so that a thousand nodes of five groups are five.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from meshc.prefixes import BITS, Prefix, collapse, without
from meshc.topology.language.spec import PolicyEnd, PolicySpec, Service, Spec
from meshc.topology.obligations.exit_surroundings import SURROUNDINGS
from meshc.values import dataclass, field

Rules = frozenset[int]
NO_RULES: Rules = frozenset()


class Stretch(NamedTuple):
    """Addresses from `first` to `last` that are in the sets with these numbers, and in no other."""

    first: int
    last: int
    rules: Rules


@dataclass(frozen=True, slots=True)
class Stretches:
    """All addresses of one family, cut where some set begins or ends, without those in no set."""

    family: int
    items: tuple[Stretch, ...]
    _starts: tuple[int, ...] = field(repr=False)

    @classmethod
    def cut(cls, family: int, sets: Iterable[tuple[int, Sequence[Prefix]]]) -> Stretches:
        """`sets` are numbered; one number may come with more than one set."""
        edges: dict[int, list[tuple[int, int]]] = {}
        for number, prefixes in sets:
            for prefix in prefixes:
                if prefix.family == family:
                    edges.setdefault(prefix.value, []).append((number, 1))
                    edges.setdefault(prefix.last + 1, []).append((number, -1))
        depth: dict[int, int] = {}
        found: list[Stretch] = []
        places = sorted(edges)
        for at, place in enumerate(places):
            for number, step in edges[place]:
                depth[number] = depth.get(number, 0) + step
                if not depth[number]:
                    del depth[number]
            if not depth:
                continue
            rules = frozenset(depth)
            if found and found[-1].last == place - 1 and found[-1].rules == rules:
                place = found.pop().first
            found.append(Stretch(place, places[at + 1] - 1, rules))
        return cls(family, tuple(found), tuple(stretch.first for stretch in found))

    def at(self, address: int) -> Rules:
        """The numbers of the sets that hold an address."""
        place = bisect_right(self._starts, address) - 1
        if place >= 0 and self.items[place].last >= address:
            return self.items[place].rules
        return NO_RULES

    def within(self, prefixes: Iterable[Prefix]) -> Iterator[Stretch]:
        """The parts that lie in these prefixes, which do not overlap each other."""
        for prefix in prefixes:
            if prefix.family != self.family:
                continue
            place = max(bisect_right(self._starts, prefix.value) - 1, 0)
            for first, last, rules in self.items[place:]:
                if first > prefix.last:
                    break
                if last >= prefix.value:
                    yield Stretch(max(first, prefix.value), min(last, prefix.last), rules)


@dataclass(frozen=True, slots=True)
class Access:
    """`senders` and `receivers` by family, numbered as `rules`."""

    rules: tuple[PolicySpec, ...]
    internet: Mapping[int, tuple[Prefix, ...]]
    senders: Mapping[int, Stretches]
    receivers: Mapping[int, Stretches]

    @classmethod
    def of(cls, spec: Spec, addresses: Mapping[str, tuple[Prefix, ...]]) -> Access | None:
        """None for a network without policies. `addresses` are those of the nodes."""
        if spec.policies is None:
            return None
        routes = tuple(route for node in spec.nodes.values() for route in node.routes)
        internet = {
            family: without(
                (Prefix(family, 0, 0),), (*SURROUNDINGS[family], *spec.network.pools, *routes)
            )
            for family in BITS
        }
        sources: list[tuple[int, tuple[Prefix, ...]]] = []
        targets: list[tuple[int, tuple[Prefix, ...]]] = []
        for number, rule in enumerate(spec.policies):
            holes = _members(rule.excluded, addresses, internet)
            for end, sets in ((rule.sources, sources), (rule.targets, targets)):
                members = _members(end, addresses, internet)
                sets.append((number, without(members, holes) if holes else collapse(members)))
        return cls(
            spec.policies,
            internet,
            {family: Stretches.cut(family, sources) for family in BITS},
            {family: Stretches.cut(family, targets) for family in BITS},
        )

    def allowing(self, family: int, source: int, target: int) -> Rules:
        """The rules that let something pass from one address to another."""
        return self.senders[family].at(source) & self.receivers[family].at(target)

    def rule_for(
        self, family: int, source: int, target: int, service: Service
    ) -> PolicySpec | None:
        """The first rule that lets all of a service pass; None when none does by itself."""
        for number in sorted(self.allowing(family, source, target)):
            if any(covers(one, service) for one in self.rules[number].services):
                return self.rules[number]
        return None

    def online(self, own: Iterable[Prefix]) -> bool:
        """Whether any of these addresses may begin something with the internet."""
        return any(
            not stretch.rules.isdisjoint(beyond.rules)
            for prefix in own
            for stretch in self.senders[prefix.family].within((prefix,))
            for beyond in self.receivers[prefix.family].within(self.internet[prefix.family])
        )

    def services(self, rules: Iterable[int]) -> tuple[Service, ...]:
        """What these rules let through together."""
        return united(one for number in rules for one in self.rules[number].services)


def covers(wide: Service, narrow: Service) -> bool:
    """Whether all packets of `narrow` are among those of `wide`."""
    if wide.protocol == "all":
        return True
    same = wide.protocol == narrow.protocol
    return same and wide.first <= narrow.first and narrow.last <= wide.last


def united(services: Iterable[Service]) -> tuple[Service, ...]:
    """The same services, as few as possible, sorted."""
    found: list[Service] = []
    for service in sorted(set(services)):
        if service.protocol == "all":
            return (service,)
        last = found[-1] if found else None
        if last and last.protocol == service.protocol and service.first <= last.last + 1:
            found[-1] = Service(last.protocol, last.first, max(last.last, service.last))
        else:
            found.append(service)
    return tuple(found)


def _members(
    end: PolicyEnd,
    addresses: Mapping[str, tuple[Prefix, ...]],
    internet: Mapping[int, tuple[Prefix, ...]],
) -> list[Prefix]:
    found = [address for name in end.nodes for address in addresses.get(name, ())]
    found += end.prefixes
    if end.internet:
        found += [prefix for prefixes in internet.values() for prefix in prefixes]
    return found

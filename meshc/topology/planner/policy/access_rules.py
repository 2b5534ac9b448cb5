"""Access rules of a node: the part of the policies that it must enforce, as sources and grants.

A receiver looks at what is for itself, for the LANs behind it and for its exit; a router at what
comes from its LANs; a relay at everything that could come by.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from meshc.prefixes import BITS, Prefix, collapse, spanning, without
from meshc.topology.language.spec import NodeSpec, Service
from meshc.topology.obligations.access import Access, Rules, Stretch, Stretches, united
from meshc.topology.planner.policy.flow_rules import AccessRow, AccessRules, Grant
from meshc.values import dataclass, field

Prefixes = tuple[Prefix, ...]
_Services = tuple[Service, ...]
_Classes = dict[Rules, tuple[Prefix, ...]]


@dataclass(slots=True)
class AccessPlanner:
    """Makes the rules of one node after the other; what relays have in common is made once.
    `known` are the pools and all LANs, `users` by exit the addresses that may leave there."""

    access: Access
    addresses: Mapping[str, tuple[Prefix, ...]]
    known: Prefixes
    users: Mapping[str, Iterable[Prefix]]
    _senders: dict[int, _Classes] = field(default_factory=dict)
    _relayed: dict[int, tuple[AccessRow, ...]] = field(default_factory=dict)
    _services: dict[Rules, _Services] = field(default_factory=dict)

    def rules(self, node: NodeSpec, family: int) -> AccessRules | None:
        """None for a node that cannot filter."""
        if not node.filters:
            return None
        own = tuple(a for a in self.addresses[node.name] if a.family == family)
        lans = tuple(route for route in node.routes if route.family == family)
        strangers = without(self.known, lans)
        return AccessRules(
            inbound=collapse((*own, *lans)),
            rows=_joined([*self._needed(node, family, own, lans)]),
            lans=lans,
            strangers=tuple(p for p in strangers if p.family == family),
            outbound=node.is_guard,
        )

    def _needed(
        self, node: NodeSpec, family: int, own: Prefixes, lans: Prefixes
    ) -> Iterator[AccessRow]:
        """What comes by: rows that may have sources in common."""
        beyond = self.access.internet[family]
        if node.is_relay:
            yield from self._inside(family)
        else:
            sending = (*lans, *own) if node.exit_node else lans
            yield from self._between(family, None, (*own, *lans))
            yield from self._between(family, sending, self._everyone(family))
        if node.exit_node:
            yield from self._between(family, self.users.get(node.name, ()), beyond)
        if node.exit is not None:
            yield from self._between(family, lans, beyond)

    def _inside(self, family: int) -> tuple[AccessRow, ...]:
        """Everything but the internet, which no relay passes on."""
        rows = self._relayed.get(family)
        if rows is None:
            rows = tuple(self._between(family, None, self._everyone(family)))
            self._relayed[family] = rows
        return rows

    def _everyone(self, family: int) -> Prefixes:
        return tuple(p for p in self.known if p.family == family)

    def _between(
        self, family: int, sources: Iterable[Prefix] | None, targets: Iterable[Prefix]
    ) -> Iterator[AccessRow]:
        """What `sources`, by default all, may reach of `targets`."""
        receiving = _by_rules(family, self.access.receivers[family].within(collapse(targets)))
        if sources is not None:
            stretches = self.access.senders[family].within(collapse(sources))
            yield from self._rows(_by_rules(family, stretches), receiving)
            return
        if family not in self._senders:
            items = self.access.senders[family].items
            self._senders[family] = _by_rules(family, items)
        yield from self._rows(self._senders[family], receiving)

    def _rows(self, sending: _Classes, receiving: _Classes) -> Iterator[AccessRow]:
        for rules, sources in sending.items():
            grants: defaultdict[_Services, list[Prefix]] = defaultdict(list)
            for others, targets in receiving.items():
                both = rules & others
                if both:
                    grants[self._united(both)] += targets
            if grants:
                yield AccessRow(sources, _grants(grants))

    def _united(self, rules: Rules) -> _Services:
        found = self._services.get(rules)
        if found is None:
            found = self._services[rules] = self.access.services(rules)
        return found


def _grants(grants: Mapping[_Services, Iterable[Prefix]]) -> tuple[Grant, ...]:
    return tuple(sorted(Grant(collapse(targets), services) for services, targets in grants.items()))


def _by_rules(family: int, stretches: Iterable[Stretch]) -> _Classes:
    """Addresses that no rule tells apart, as prefixes."""
    found: defaultdict[Rules, list[Prefix]] = defaultdict(list)
    for first, last, rules in stretches:
        found[rules] += spanning(family, first, last)
    return {rules: collapse(prefixes) for rules, prefixes in found.items()}


def _joined(rows: Iterable[AccessRow]) -> tuple[AccessRow, ...]:
    """Rows without common sources: what the same sources may do is joined, and then sources that
    may do the same."""
    sources: defaultdict[tuple[Grant, ...], list[Prefix]] = defaultdict(list)
    for row in _apart([*rows]):
        sources[row.grants] += row.sources
    return tuple(
        sorted(AccessRow(collapse(prefixes), grants) for grants, prefixes in sources.items())
    )


def _apart(rows: list[AccessRow]) -> Iterator[AccessRow]:
    """The same rows, cut so that each source stands in one of them."""
    for family in BITS:
        cut = Stretches.cut(family, ((n, row.sources) for n, row in enumerate(rows)))
        for numbers, prefixes in _by_rules(family, cut.items).items():
            if len(numbers) == 1:
                yield AccessRow(prefixes, rows[next(iter(numbers))].grants)
                continue
            yield AccessRow(prefixes, _united_grants(family, [rows[n] for n in sorted(numbers)]))


def _united_grants(family: int, rows: list[AccessRow]) -> tuple[Grant, ...]:
    grants = [grant for row in rows for grant in row.grants]
    cut = Stretches.cut(family, ((n, grant.targets) for n, grant in enumerate(grants)))
    found: defaultdict[_Services, list[Prefix]] = defaultdict(list)
    for numbers, prefixes in _by_rules(family, cut.items).items():
        found[united(s for n in numbers for s in grants[n].services)] += prefixes
    return _grants(found)

"""Access rules of a node: the part of the policies that it must enforce, as sources and grants.

A receiver looks at what is for itself, for the LANs behind it and for its exit; a router at what
comes from its LANs; a relay at everything that could come by.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from meshc.prefixes import Prefix, collapse, spanning, without
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
    _receivers: dict[tuple[int, bool], _Classes] = field(default_factory=dict)
    _own: dict[tuple[int, Rules], tuple[tuple[Prefixes, _Services], ...]] = field(
        default_factory=dict
    )
    _strangers: dict[tuple[int, Prefixes], Prefixes] = field(default_factory=dict)

    @property
    def families(self) -> frozenset[int]:
        """In which something is carried."""
        return frozenset(prefix.family for prefix in self.known)

    def rules(self, node: NodeSpec, family: int) -> AccessRules | None:
        """None for a node that cannot filter."""
        if not node.filters:
            return None
        own = tuple(a for a in self.addresses[node.name] if a.family == family)
        lans = tuple(route for route in node.routes if route.family == family)
        if len(own) == 1 and not (lans or node.is_guard):
            rows = self._of_leaf(family, own[0])
        else:
            rows = _joined(_apart([*self._needed(node, family, own, lans)]))
        return AccessRules(
            inbound=collapse((*own, *lans)),
            rows=rows,
            lans=lans,
            strangers=self._elsewhere(family, lans),
            outbound=node.is_guard,
        )

    def _of_leaf(self, family: int, own: Prefix) -> tuple[AccessRow, ...]:
        """What comes by at one address: senders are the same for all that the same rules let be
        reached."""
        rules = self.access.receivers[family].at(own.value)
        known = self._own.get((family, rules))
        if known is None:
            rows = _joined(self._between(family, (own,)))  # no two have a source in common
            known = tuple((row.sources, row.grants[0].services) for row in rows)
            self._own[family, rules] = known
        return tuple(AccessRow(sources, (Grant((own,), what),)) for sources, what in known)

    def _elsewhere(self, family: int, lans: Prefixes) -> Prefixes:
        found = self._strangers.get((family, lans))
        if found is None:
            found = tuple(p for p in without(self.known, lans) if p.family == family)
            self._strangers[family, lans] = found
        return found

    def _needed(
        self, node: NodeSpec, family: int, own: Prefixes, lans: Prefixes
    ) -> Iterator[AccessRow]:
        """What comes by: rows that may have sources in common."""
        if node.is_relay:
            yield from self._inside(family)
        else:
            sending = (*lans, *own) if node.exit_node else lans
            yield from self._between(family, (*own, *lans))
            yield from self._sent(family, sending, beyond=False)
        if node.exit_node:
            yield from self._sent(family, self.users.get(node.name, ()), beyond=True)
        if node.exit is not None:
            yield from self._sent(family, lans, beyond=True)

    def _inside(self, family: int) -> tuple[AccessRow, ...]:
        """Everything but the internet, which no relay passes on."""
        rows = self._relayed.get(family)
        if rows is None:
            rows = tuple(self._between(family, self._everyone(family)))
            self._relayed[family] = rows
        return rows

    def _everyone(self, family: int) -> Prefixes:
        return tuple(p for p in self.known if p.family == family)

    def _sent(self, family: int, sources: Iterable[Prefix], *, beyond: bool) -> Iterator[AccessRow]:
        """What `sources` may reach of the network, or of what is beyond it."""
        stretches = [*self.access.senders[family].within(collapse(sources))]
        if not stretches:
            return
        receiving = self._receivers.get((family, beyond))
        if receiving is None:
            targets = self.access.internet[family] if beyond else self._everyone(family)
            found = self.access.receivers[family].within(collapse(targets))
            receiving = self._receivers[family, beyond] = _by_rules(family, found)
        yield from self._rows(_by_rules(family, stretches), receiving)

    def _between(self, family: int, targets: Iterable[Prefix]) -> Iterator[AccessRow]:
        """What all may reach of `targets`."""
        receiving = _by_rules(family, self.access.receivers[family].within(collapse(targets)))
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
    """Of rows without common sources: those that may do the same are joined."""
    sources: defaultdict[tuple[Grant, ...], list[Prefix]] = defaultdict(list)
    for row in rows:
        sources[row.grants] += row.sources
    return tuple(
        sorted(AccessRow(collapse(prefixes), grants) for grants, prefixes in sources.items())
    )


def _apart(rows: list[AccessRow]) -> Iterator[AccessRow]:
    """The same rows, cut so that each source stands in one of them; what it may do is joined."""
    families = {prefix.family for row in rows for prefix in row.sources}
    for family in sorted(families):
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

"""Relays on which everything hangs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations_with_replacement, islice

from meshc.diagnostics import Diagnostics
from meshc.topology.language.wording import quote
from meshc.topology.planner.checks.healing import with_everybody_at_hand
from meshc.topology.planner.routing.articulation import (
    Connectivity,
    Islands,
    connectivity,
    critical_relays,
)
from meshc.topology.planner.routing.routing import Routing
from meshc.values import dataclass

SHOWN_PAIRS = 3


def check_failure(routing: Routing, diagnostics: Diagnostics) -> None:
    """W220: pairs that lose each other when one relay fails, with their number. Where agents run
    only those for whom nobody takes over."""
    routing = with_everybody_at_hand(routing)
    critical = critical_relays(routing)
    linked = _linked_classes(routing) if critical else {}
    whole = connectivity(routing)
    names = routing.graph.names
    for relay in critical:
        loss = Loss(routing, whole, connectivity(routing, without=relay), relay)
        count = loss.count(linked)
        if not count:
            continue
        pairs = islice(loss.pairs(), SHOWN_PAIRS)
        shown = [f"{quote(names[a])} and {quote(names[b])}" for a, b in pairs]
        diagnostics.add(
            "W220",
            f"without relay {quote(names[relay])} "
            f"{count} {'pairs lose' if count > 1 else 'pair loses'} each other: "
            + ", ".join(shown)
            + (", …" if count > len(shown) else ""),
            routing.graph.nodes[relay].at("role"),
            path=f"nodes.{names[relay]}.role",
            hint="make a second public node a relay; with `agent: true` on all of them nodes move "
            "to it by themselves, without, a new build that leaves this one out connects them.",
        )


@dataclass(frozen=True, slots=True)
class Loss:
    """What is lost with one relay. Units are relays and classes (as -1 - class)."""

    routing: Routing
    before: Connectivity
    after: Connectivity
    relay: int

    def count(self, linked: Mapping[tuple[int, int], int]) -> int:
        """How many pairs; `linked` counts the direct links between leaves of two classes."""
        if self.routing.graph.policy.sides:
            return sum(1 for _ in self.pairs())
        total = 0
        for one, other in self._apart():
            sizes = [sum(len(self._members(unit)) for unit in units) for units in (one, other)]
            if one == other:
                total += sizes[0] * (sizes[0] - 1) // 2
            else:
                total += sizes[0] * sizes[1]
            classes = [[-1 - unit for unit in units if unit < 0] for units in (one, other)]
            pairs = {(min(a, b), max(a, b)) for a in classes[0] for b in classes[1]}
            total -= sum(linked.get(pair, 0) for pair in pairs)
        return total

    def pairs(self) -> Iterator[tuple[int, int]]:
        """The pairs themselves, each once. Whom policies keep apart loses nothing."""
        graph = self.routing.graph
        names, speak = graph.names, graph.policy.speak
        for one, other in self._apart():
            members = [sorted(i for u in units for i in self._members(u)) for units in (one, other)]
            for a in members[0]:
                for b in members[1]:
                    if (one == other and a >= b) or graph.adjacent(a, b):
                        continue
                    if speak(names[a], names[b]):
                        yield min(a, b), max(a, b)

    def _apart(self) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Groups of units that had a common island and have none any more."""
        groups: dict[tuple[Islands, Islands], list[int]] = defaultdict(list)
        for relay in self.routing.graph.relays:
            if relay != self.relay:
                groups[self.before.of_relay(relay), self.after.of_relay(relay)].append(relay)
        for class_, attached in enumerate(self.routing.attachments):
            if attached:
                key = self.before.of_class(class_), self.after.of_class(class_)
                groups[key].append(-1 - class_)
        for (one, units), (other, others) in combinations_with_replacement(groups.items(), 2):
            if one[0] & other[0] and not one[1] & other[1]:
                yield tuple(units), tuple(others)

    def _members(self, unit: int) -> tuple[int, ...]:
        return (unit,) if unit >= 0 else self.routing.members[-1 - unit]


def _linked_classes(routing: Routing) -> Mapping[tuple[int, int], int]:
    """How many direct links there are between the leaves of each two classes."""
    counts: Counter[tuple[int, int]] = Counter()
    class_of = routing.class_of
    per_row: dict[int, Counter[int]] = {}
    for i, row in enumerate(routing.graph.neighbours):
        if class_of[i] < 0:
            continue
        if id(row) not in per_row:
            per_row[id(row)] = Counter(class_of[j] for j in row)
        for other, number in per_row[id(row)].items():
            if other >= 0:
                counts[min(class_of[i], other), max(class_of[i], other)] += number
    return {pair: number // 2 for pair, number in counts.items()}

"""Pairs without any way between them, grouped by what they have in common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import combinations, islice
from operator import and_
from types import MappingProxyType

from meshc.diagnostics import Diagnostics
from meshc.topology.language.wording import listing, quote
from meshc.topology.obligations.claim import Addresses
from meshc.topology.obligations.obligations import separation
from meshc.topology.planner.links.link import (
    allows,
    common_families,
    directions,
    is_fixed,
    is_public,
)
from meshc.topology.planner.links.mesh_graph import MeshGraph
from meshc.topology.planner.routing.articulation import Islands, connectivity
from meshc.topology.planner.routing.routing import Routing
from meshc.values import dataclass

SHOWN_PAIRS = 3
SHOWN_GROUPS = 20

Group = tuple[int, ...]


def check_reachability(
    routing: Routing, diagnostics: Diagnostics, addresses: Addresses = MappingProxyType({})
) -> None:
    """E200 for pairs without a path, E205 when they would have one but for their families.

    `addresses` are the allocated ones: a test may name a node by any of them."""
    graph = routing.graph
    meant = _meant_apart(graph, addresses)
    groups = 0
    for one, other in _apart(routing):
        pairs = _Pairs(graph, one, other, meant)
        count = pairs.count()
        if not count:
            continue
        groups += 1
        if groups > SHOWN_GROUPS:
            break
        _report(routing, pairs, count, diagnostics)


def _apart(routing: Routing) -> Iterator[tuple[Group, Group]]:
    """Pairs of groups that no relay connects; a group may be paired with itself.

    Nodes with relays on the same islands are a group, and so are the nodes without a relay that
    have the same neighbours.
    """
    islands = connectivity(routing)
    everybody = len(routing.graph.names) - 1
    groups: dict[Islands, list[int]] = defaultdict(list)
    alone: dict[Group, list[int]] = defaultdict(list)
    for relay in routing.graph.relays:
        groups[islands.of_relay(relay)].append(relay)
    for class_, attached in enumerate(routing.attachments):
        if attached:
            groups[islands.of_class(class_)].extend(routing.members[class_])
            continue
        for i in routing.members[class_]:
            row = routing.graph.neighbours[i]
            if len(row) < everybody:
                alone[row].append(i)
    nobody: Islands = frozenset()
    lonely = [(tuple(group), nobody) for group in alone.values()]
    for group, _ in lonely:
        yield group, group
    attached_groups = [(tuple(sorted(group)), on) for on, group in groups.items()]
    for (one, on), (other, there) in combinations(sorted((*attached_groups, *lonely)), 2):
        if not on & there:
            yield one, other


@dataclass(frozen=True, slots=True)
class _Pairs:
    """The unordered pairs between two groups that have no direct link and are not meant apart."""

    graph: MeshGraph
    one: Group
    other: Group
    meant: frozenset[tuple[int, int]]

    def count(self) -> int:
        if self.graph.policy.sides:
            return sum(1 for _ in self)
        inside = self.one == self.other
        total = len(self.one) * (len(self.one) - 1) // 2 if inside else 0
        total = total if inside else len(self.one) * len(self.other)
        ones, others = frozenset(self.one), frozenset(self.other)
        linked = sum(self._linked(i, others) for i in self.one)
        total -= linked // 2 if inside else linked
        for a, b in self.meant:
            crossing = (a in ones and b in others) or (b in ones and a in others)
            total -= crossing and not self.graph.adjacent(a, b)
        return total

    def _linked(self, i: int, others: frozenset[int]) -> int:
        row = self.graph.neighbours[i]
        if len(others) < 8:
            return sum(self.graph.adjacent(i, j) for j in others)
        return len(others.intersection(row))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for a in self.one:
            row = frozenset(self.graph.neighbours[a])
            for b in self.other:
                if a == b or b in row or (self.one == self.other and b < a):
                    continue
                pair = (min(a, b), max(a, b))
                if pair not in self.meant and self._speak(a, b):
                    yield pair

    def _speak(self, a: int, b: int) -> bool:
        """Policies may have nothing for them to say to each other."""
        names = self.graph.names
        return self.graph.policy.speak(names[a], names[b])


def _meant_apart(
    graph: MeshGraph, addresses: Addresses = MappingProxyType({})
) -> frozenset[tuple[int, int]]:
    """The pairs that tests declare apart in every family: the user has thought of them."""
    number = graph.number
    apart = separation(graph.spec, addresses)
    families = sorted({pool.family for pool in graph.spec.network.pools})
    found = (
        frozenset(
            (min(number[a], number[b]), max(number[a], number[b])) for a, b in apart.pairs(family)
        )
        for family in families
    )
    return reduce(and_, found)


def _report(routing: Routing, pairs: _Pairs, count: int, diagnostics: Diagnostics) -> None:
    graph = routing.graph
    shown = list(islice(pairs, SHOWN_PAIRS))
    a, b = shown[0]
    names = [f"{quote(graph.names[x])} and {quote(graph.names[y])}" for x, y in shown]
    many = "pairs" if count > 2 else "pair"
    more = f" ({count - 1} more {many} like it: {_rest(names, count)})" if count > 1 else ""
    by_family = _only_families(graph, a, b)
    diagnostics.add(
        "E205" if by_family else "E200",
        f"{names[0]} cannot reach each other: {_cause(routing, a, b)}{more}",
        graph.nodes[b].at(),
        path=f"nodes.{graph.names[b]}",
        hint=_hint(graph, a, b, by_family=by_family),
    )


def _hint(graph: MeshGraph, a: int, b: int, *, by_family: bool) -> str:
    if by_family:
        return "give both a common address family, or a relay that speaks both."
    ends = graph.nodes[a], graph.nodes[b]
    if directions(*ends) is not None:
        held = [n.name for n, o in (ends, ends[::-1]) if not allows(n, o)]
        way = f"`direct: all` on {listing(held)}" if held else "`direct` and `links:`"
        return (
            f"they could be linked: let {way} allow it, or let both use one relay; a test with "
            "`expect: unreachable` says that they are meant to be apart."
        )
    return (
        "give one of them an endpoint, or make a node that both can call a relay; a test with "
        "`expect: unreachable` says that they are meant to be apart."
    )


def _rest(names: Sequence[str], count: int) -> str:
    rest = [*names[1:]]
    if count > len(names):
        rest.append("…")
    return ", ".join(rest)


def _only_families(graph: MeshGraph, a: int, b: int) -> bool:
    """Whether one could call the other if they spoke a common family."""
    one, other = graph.nodes[a], graph.nodes[b]
    callable_ = is_public(one) or is_public(other) or (is_fixed(one) and is_fixed(other))
    return callable_ and not common_families(one, other)


def _cause(routing: Routing, a: int, b: int) -> str:
    """Why not directly, and why no relay helps."""
    graph = routing.graph
    text = graph.why_not(graph.names[a], graph.names[b])
    if not graph.relays:
        return f"{text}; and the network has no relay"
    for i in (a, b):
        if not _relays_near(routing, i):
            relay = graph.names[graph.relays[0] if graph.relays[0] != i else graph.relays[-1]]
            if relay == graph.names[i]:
                continue
            why = graph.why_not(graph.names[i], relay)
            return f"{text}; and {quote(graph.names[i])} has no relay ({why})"
    near = [listing([quote(graph.names[r]) for r in _relays_near(routing, i)]) for i in (a, b)]
    return f"{text}; and no link connects relay {near[0]} with relay {near[1]}"


def _relays_near(routing: Routing, i: int) -> tuple[int, ...]:
    """The relays of a leaf; a relay is its own."""
    if i in routing.backbone:
        return (i,)
    return tuple(relay for relay, _ in routing.attachments[routing.class_of[i]])

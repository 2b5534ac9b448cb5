"""Connectivity of the relays: the one place that uses networkx, on a graph of numbers.

Only relays pass packets on, so that only links between relays connect: a leaf with two relays
does not join them. The parts of the relays are called islands; two nodes reach each other when
they are linked or have relays on a common island.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from meshc.topology.planner.routing.routing import Routing
from meshc.values import dataclass

Islands = frozenset[int]


@dataclass(frozen=True, slots=True)
class Connectivity:
    """The island of every relay; an island has the number of its lowest relay."""

    routing: Routing
    island_of: Mapping[int, int]

    def of_class(self, class_: int) -> Islands:
        """The islands that the leaves of a class are attached to."""
        attached = self.routing.attachments[class_]
        return frozenset(self.island_of[r] for r, _ in attached if r in self.island_of)

    def of_relay(self, relay: int) -> Islands:
        return frozenset((self.island_of[relay],)) if relay in self.island_of else frozenset()


def connectivity(routing: Routing, *, without: int | None = None) -> Connectivity:
    """The islands of the relays, as they are or after taking one relay away."""
    unseen = {relay for relay in routing.backbone if relay != without}
    island_of: dict[int, int] = {}
    for start in sorted(unseen):
        waiting = [start] if start in unseen else []
        unseen.discard(start)
        while waiting:
            relay = waiting.pop()
            island_of[relay] = start
            reached = unseen.intersection(routing.backbone[relay])
            unseen -= reached
            waiting.extend(reached)
    return Connectivity(routing, island_of)


def critical_relays(routing: Routing) -> tuple[int, ...]:
    """The relays that may keep others together, sorted: those whose loss splits an island, and
    those that are the only one of some leaves on their island."""
    critical = set(_articulation_points(routing))
    whole = connectivity(routing)
    for attached in routing.attachments:
        on: dict[int, list[int]] = defaultdict(list)
        for relay, _ in attached:
            on[whole.island_of[relay]].append(relay)
        critical.update(relays[0] for relays in on.values() if len(relays) == 1)
    return tuple(sorted(critical))


def _articulation_points(routing: Routing) -> set[int]:
    """The relays whose loss splits an island. Two relays, or relays that are all linked to each
    other, have none, and most networks are spared the import."""
    backbone = routing.backbone
    if len(backbone) < 3 or all(len(row) == len(backbone) - 1 for row in backbone.values()):
        return set()
    import networkx

    graph: networkx.Graph[int] = networkx.Graph()
    graph.add_edges_from((a, b) for a, others in backbone.items() for b in others if a < b)
    return set(networkx.articulation_points(graph))

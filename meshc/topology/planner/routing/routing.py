"""Unique shortest paths: which neighbour carries the traffic from each node to each other.

WireGuard binds a prefix to one peer for sending and for receiving, so that the path back must be
the reverse of the path out, and a next hop may depend on the destination alone. Shortest paths
over symmetric additive weights have both properties as soon as they are unique. The weight of a
path is, in this order: its hops; how far down the relays stand in the `via` lists of the nodes
beside them; whether its ends are at home at the relays beside them (see `home_relay`); the rank of
its relays in an order shared by all nodes; a hash of its links.

Only relays are interior. Leaves that are attached to the same relays with the same `via` and the
same home form a class, and all members of a class are routed alike: the work is relays x classes
and classes x classes, not nodes x nodes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from meshc.topology.planner.links.mesh_graph import MeshGraph
from meshc.topology.planner.routing.home_relay import Home
from meshc.topology.planner.routing.leaf_homes import Addresses, leaf_homes
from meshc.topology.planner.routing.relay_rank import global_rank, stable_hash, via_penalty
from meshc.values import dataclass, field

# One integer holds the sum of all parts; no path is long enough to carry from one to the next.
RANK_SHIFT = 64 + 24
SHARE_SHIFT = RANK_SHIFT + 40
PENALTY_SHIFT = SHARE_SHIFT + 8
_HOP_SHIFT = PENALTY_SHIFT + 64
_NEVER = 1 << (_HOP_SHIFT + 64)

Attachment = tuple[tuple[int, int], ...]


class Tree(NamedTuple):
    """How every relay reaches one target: hops and weight, and the next relay on the way.

    `next_hop[r]` is the target itself when `r` is adjacent to it; relays that cannot reach the
    target are missing. The target of a class is written as -1.
    """

    hops: Mapping[int, int]
    weight: Mapping[int, int]
    next_hop: Mapping[int, int]


DELIVER = -1


@dataclass(frozen=True, slots=True)
class Routing:
    """Next hops and paths of one graph. Nodes are numbers; `path` also takes names.

    `homes[i]` is the home of leaf i, `class_of[i]` its class, or -1 for a relay; `attachments[c]`
    are the (relay, weight) pairs of class c, `members[c]` its leaves. The trees are grown when they
    are first asked for, and remembered.
    """

    graph: MeshGraph
    homes: tuple[Home | None, ...]
    class_of: tuple[int, ...]
    attachments: tuple[Attachment, ...]
    members: tuple[tuple[int, ...], ...]
    rank: Mapping[int, int]
    backbone: Mapping[int, tuple[int, ...]]
    _class_trees: dict[int, Tree] = field(default_factory=dict, repr=False, compare=False)
    _relay_trees: dict[int, Tree] = field(default_factory=dict, repr=False, compare=False)
    _first: dict[tuple[int, int, bool], int | None] = field(
        default_factory=dict, repr=False, compare=False
    )
    _columns: dict[int, list[int]] = field(default_factory=dict, repr=False, compare=False)
    _weights: dict[tuple[int, int], int] = field(default_factory=dict, repr=False, compare=False)

    def next_hop(self, a: str, b: str) -> str | None:
        """The neighbour to which `a` hands packets for `b`; None when there is no path."""
        number = self.graph.number
        hop = self.hop(number[a], number[b])
        return None if hop is None else self.graph.names[hop]

    def path(self, a: str, b: str) -> tuple[str, ...] | None:
        """All nodes from `a` to `b`, both included; None when there is no path."""
        at, end = self.graph.number[a], self.graph.number[b]
        steps = [at]
        while at != end:
            hop = self.hop(at, end)
            if hop is None:
                return None
            at = hop
            steps.append(at)
        return tuple(self.graph.names[i] for i in steps)

    def hop(self, a: int, b: int) -> int | None:
        """`next_hop` by number."""
        if a == b or self.graph.adjacent(a, b):
            return b
        target = self.class_of[b]
        if self.class_of[a] < 0:
            tree = self.relay_tree(b) if target < 0 else self.class_tree(target)
            return tree.next_hop.get(a)
        if target < 0:
            return self.class_to_relay(self.class_of[a], b)
        return self.class_to_class(self.class_of[a], target)

    def class_to_class(self, source: int, target: int) -> int | None:
        """The relay to which leaves of one class hand packets for leaves of another (or of their
        own) that are not their neighbours."""
        key = (source, target, False)
        if key not in self._first:
            self._first[key] = self._best(source, self.class_tree(target))
        return self._first[key]

    def class_hops(self, source: int) -> list[int | None]:
        """`class_to_class` for every target."""
        columns = self._columns
        if not columns:
            columns.update(self._cost_columns())
        # the relay is the last digit of a number, so that the least one wins among equals
        base, none = len(self.graph.nodes), _NEVER * len(self.graph.nodes)
        sums = [
            [cost + more for cost in columns[relay]]
            for relay, weight in self.attachments[source]
            for more in (weight * base + relay,)
        ]
        if not sums:
            return [None] * len(self.members)
        best = sums[0] if len(sums) == 1 else map(min, *sums)
        return [number % base if number < none else None for number in best]

    def _cost_columns(self) -> dict[int, list[int]]:
        """For each relay what it costs from there to each class, hops and weight in one number,
        times the number of nodes."""
        base = len(self.graph.nodes)
        trees = [self.class_tree(target) for target in range(len(self.members))]
        return {
            relay: [
                ((tree.hops[relay] << _HOP_SHIFT) + tree.weight[relay]) * base
                if relay in tree.hops
                else _NEVER * base
                for tree in trees
            ]
            for relay in self.backbone
        }

    def class_to_relay(self, source: int, relay: int) -> int | None:
        """The relay to which leaves of a class hand packets for a relay; itself when adjacent."""
        key = (source, relay, True)
        if key not in self._first:
            attached = any(r == relay for r, _ in self.attachments[source])
            self._first[key] = relay if attached else self._best(source, self.relay_tree(relay))
        return self._first[key]

    def class_tree(self, target: int) -> Tree:
        """How every relay reaches the leaves of a class."""
        if target not in self._class_trees:
            start = {relay: (weight, DELIVER) for relay, weight in self.attachments[target]}
            self._class_trees[target] = self._grow(start, {}, {}, 1)
        return self._class_trees[target]

    def relay_tree(self, relay: int) -> Tree:
        """How every other relay reaches a relay."""
        if relay not in self._relay_trees:
            start = {
                other: (self.backbone_weight(relay, other), relay) for other in self.backbone[relay]
            }
            self._relay_trees[relay] = self._grow(start, {relay: 0}, {relay: 0}, 1)
        return self._relay_trees[relay]

    def backbone_weight(self, a: int, b: int) -> int:
        """The weight of the link between two relays."""
        known = self._weights.get((a, b))
        if known is None:
            known = link_weight(self.graph, self.rank, a, b)
            self._weights[a, b] = self._weights[b, a] = known
        return known

    def _grow(
        self,
        frontier: dict[int, tuple[int, int]],
        hops: dict[int, int],
        weight: dict[int, int],
        level: int,
    ) -> Tree:
        """Adds the relays level by level: fewest hops first, then the smallest weight."""
        next_hop: dict[int, int] = {}
        unseen = [r for r in self.backbone if r not in hops and r not in frontier]
        while frontier:
            for relay, (cost, hop) in frontier.items():
                hops[relay], weight[relay], next_hop[relay] = level, cost, hop
            level += 1
            reached: dict[int, tuple[int, int]] = {}
            for relay in unseen:
                options = [
                    (weight[other] + self.backbone_weight(relay, other), other)
                    for other in self.backbone[relay]
                    if other in frontier
                ]
                if options:
                    reached[relay] = min(options)
            unseen = [r for r in unseen if r not in reached]
            frontier = reached
        return Tree(hops, weight, next_hop)

    def _best(self, source: int, tree: Tree) -> int | None:
        best: tuple[int, int, int] | None = None
        for relay, weight in self.attachments[source]:
            hops = tree.hops.get(relay)
            # most relays are further away than the best so far: those need no sum
            if hops is None or (best is not None and hops > best[0]):
                continue
            option = (hops, tree.weight[relay] + weight, relay)
            if best is None or option < best:
                best = option
        return None if best is None else best[2]


def link_weight(
    graph: MeshGraph, rank: Mapping[int, int], a: int, b: int, home: Home | None = None
) -> int:
    """The weight of the link between a node and a relay `b`; `home` is that of a leaf `a`.

    The hash of a leaf's link depends on the relay alone, so that it is the same for a class.
    """
    nodes = graph.nodes
    penalty = via_penalty(nodes[a], nodes[b]) + via_penalty(nodes[b], nodes[a])
    share = home.distance(nodes[b].name) if home is not None else 0
    ranks = sum(rank[i] for i in (a, b) if i in rank)
    words = sorted(nodes[i].name for i in (a, b) if i in rank)
    parts = (penalty << PENALTY_SHIFT) + (share << SHARE_SHIFT) + (ranks << RANK_SHIFT)
    return parts + stable_hash("link", *words)


def build_routing(graph: MeshGraph, addresses: Addresses | None = None) -> Routing:
    """Groups the leaves into classes. Without addresses every leaf has a home of its own."""
    homes = leaf_homes(graph, addresses or {})
    relays = frozenset(graph.relays)
    ordered = sorted(relays, key=lambda i: global_rank(graph.nodes[i]))
    rank = {relay: place for place, relay in enumerate(ordered)}
    backbone = {
        relay: tuple(i for i in graph.neighbours[relay] if i in relays) for relay in graph.relays
    }
    keys: dict[tuple[tuple[int, ...], tuple[int, ...], Home | None], int] = {}
    attachments: list[Attachment] = []
    members: dict[int, list[int]] = defaultdict(list)
    class_of: list[int] = []
    attached_rows: dict[int, tuple[int, ...]] = {}
    for i, node in enumerate(graph.nodes):
        if i in relays:
            class_of.append(-1)
            continue
        row = graph.neighbours[i]
        attached = attached_rows.get(id(row))
        if attached is None:
            attached = attached_rows[id(row)] = _relays_in(row, relays)
        penalties = tuple(via_penalty(node, graph.nodes[r]) for r in attached) if node.via else ()
        if not any(penalties):
            penalties = ()
        key = (attached, penalties, homes[i])
        if key not in keys:
            keys[key] = len(keys)
            weights = (link_weight(graph, rank, i, r, homes[i]) for r in attached)
            attachments.append(tuple(zip(attached, weights, strict=True)))
        class_of.append(keys[key])
        members[keys[key]].append(i)
    by_class = tuple(tuple(members[c]) for c in range(len(attachments)))
    return Routing(graph, homes, tuple(class_of), tuple(attachments), by_class, rank, backbone)


def _relays_in(row: Iterable[int], relays: frozenset[int]) -> tuple[int, ...]:
    return tuple(i for i in row if i in relays)

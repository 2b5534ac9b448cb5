"""The AllowedIPs of every node's peers.

A peer that is no relay gets exactly its own prefixes. The relays and the exit of a node share
the rest: on a leaf its preferred relay has the whole pools as catch-all and the others what
differs; on a relay every entry is exact, because an address that nobody has must die at once.
Leaves of one class (see `routing`) with the same exit and the same LANs share one table; it
routes to the class itself as well, so that a new member changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from meshc.prefixes import BITS, DEFAULT_V4, DEFAULT_V6, Prefix, collapse
from meshc.topology.address_blocks import FIRST_WIDTH, block_bits
from meshc.topology.allocate import Allocation
from meshc.topology.allowed_ips import UNMATCHED, Region, minimal_table
from meshc.topology.prefix_index import PrefixIndex
from meshc.topology.relay_rank import global_rank
from meshc.topology.routing import Routing
from meshc.topology.spec import NodeSpec, Spec

Prefixes = tuple[Prefix, ...]
Table = Mapping[int, Prefixes]


def own_prefixes(node: NodeSpec, addresses: Prefixes) -> Prefixes:
    """What belongs to a node: its addresses and the LANs behind it."""
    return collapse((*addresses, *node.routes))


def hidden_prefixes(spec: Spec, node: NodeSpec) -> Prefixes:
    """What a node reaches without the tunnel: the LANs of its own site and those behind it."""
    lan = spec.sites[node.site].lan if node.site in spec.sites and node.site else ()
    return tuple(sorted({*lan, *node.routes}))


@dataclass(slots=True)
class PeerTables:
    """AllowedIPs by node number. Equal tuples are shared."""

    routing: Routing
    allocation: Allocation
    own: tuple[Prefixes, ...] = field(init=False)
    _routed: PrefixIndex[None] = field(init=False)
    _owner: dict[Prefix, int] = field(init=False)
    _shared: dict[tuple[int, int, Prefixes], Table] = field(default_factory=dict)

    def __post_init__(self) -> None:
        graph = self.routing.graph
        self.own = tuple(
            own_prefixes(node, self.allocation.addresses[node.name]) for node in graph.nodes
        )
        self._owner = {p: i for i, own in enumerate(self.own) for p in own}
        self._routed = PrefixIndex((p, None) for node in graph.nodes for p in node.routes)

    def allowed_ips(self, node: int, peer: int) -> Prefixes:
        """The AllowedIPs of one peer section."""
        special = self.special(node)
        if peer in special:
            return special[peer]
        return self.visible(peer, self.hidden(node))

    def visible(self, peer: int, hidden: Prefixes) -> Prefixes:
        """A peer's own prefixes without those that the viewer reaches by itself."""
        own = self.own[peer]
        if not hidden or not self.routing.graph.nodes[peer].routes:
            return own
        if not any(p.overlaps(h) for p in own for h in hidden):
            return own
        return tuple(p for p in own if not any(p.overlaps(h) for h in hidden))

    def hidden(self, node: int) -> Prefixes:
        """The hidden prefixes that matter: those that somebody's routes overlap."""
        graph = self.routing.graph
        found = hidden_prefixes(graph.spec, graph.nodes[node])
        return tuple(h for h in found if self._routed.overlaps(h))

    def special(self, node: int) -> Table:
        """The AllowedIPs of the peers that get more, or less, than their own prefixes."""
        exit_peer = self.exit_peer(node)
        hidden = self.hidden(node)
        if self.routing.class_of[node] < 0:
            return self._relay_table(node, exit_peer, hidden)
        key = (self.routing.class_of[node], exit_peer, hidden)
        if key not in self._shared:
            self._shared[key] = self._leaf_table(*key)
        return self._without_neighbours(node, self._shared[key])

    def _without_neighbours(self, node: int, table: Table) -> Table:
        """A class's table without the prefixes of direct neighbours that are not in it.

        The table is shared, so that it also routes to nodes which this member happens to reach
        directly; a prefix belongs to one peer, and that is the neighbour.
        """
        graph = self.routing.graph

        def elsewhere(prefix: Prefix) -> bool:
            owner = self._owner.get(prefix)
            return owner is None or owner in table or not graph.adjacent(node, owner)

        found: dict[int, Prefixes] = {}
        for peer, prefixes in table.items():
            kept = tuple(p for p in prefixes if elsewhere(p))
            found[peer] = prefixes if len(kept) == len(prefixes) else kept
        return found

    def exit_peer(self, node: int) -> int:
        """The neighbour that carries this node's default route, or -1."""
        graph = self.routing.graph
        name = graph.nodes[node].exit
        if name is None or name not in graph.number:
            return -1
        peer = graph.number[name]
        return peer if graph.adjacent(node, peer) else -1

    def catch_all(self, class_: int) -> int | None:
        """The preferred relay of a class: first of `via`, else where most destinations go."""
        routing, nodes = self.routing, self.routing.graph.nodes
        near = [relay for relay, _ in routing.attachments[class_]]
        if not near:
            return None
        via = nodes[routing.members[class_][0]].via
        listed = [relay for relay in near if nodes[relay].name in via]
        if listed:
            return min(listed, key=lambda relay: via.index(nodes[relay].name))
        load = dict.fromkeys(near, 0)
        for target, members in enumerate(routing.members):
            hop = routing.class_to_class(class_, target)
            if hop is not None:
                load[hop] += len(members)
        return min(near, key=lambda relay: (-load[relay], global_rank(nodes[relay])))

    def _leaf_table(self, class_: int, exit_peer: int, hidden: Prefixes) -> Table:
        preferred = self.catch_all(class_)
        if preferred is None and exit_peer < 0:
            return {}
        peers = [] if preferred is None else [preferred]
        peers += sorted(r for r, _ in self.routing.attachments[class_] if r != preferred)
        relay_mask = _mask(range(len(peers)))
        if exit_peer >= 0 and exit_peer not in peers:
            peers.append(exit_peer)
        bit = {peer: 2 << i for i, peer in enumerate(peers)}
        regions: dict[Prefix, Region] = {}
        if exit_peer >= 0:
            for default in (DEFAULT_V4, DEFAULT_V6):
                regions[default] = Region(default, bit[exit_peer], bit[exit_peer])
        owned: dict[Prefix, int] = {}
        if preferred is not None:
            for pool in self.routing.graph.spec.network.pools:
                regions[pool] = Region(pool, relay_mask, bit[preferred])
            owned = {p: bit[hop] for p, hop in self._leaf_owned(class_, hidden)}
        if exit_peer >= 0:
            owned.update(dict.fromkeys(self.visible(exit_peer, hidden), bit[exit_peer]))
        for region in self._by_block(owned):
            regions.setdefault(region.prefix, region)
        table = minimal_table(regions.values())
        return {peer: table.get(bit[peer], ()) for peer in peers}

    def _leaf_owned(self, class_: int, hidden: Prefixes) -> Iterator[tuple[Prefix, int]]:
        """Every prefix that somebody has, and the relay to which a class sends it."""
        routing = self.routing
        for relay in routing.graph.relays:
            hop = routing.class_to_relay(class_, relay)
            if hop is not None:
                yield from ((p, hop) for p in self.visible(relay, hidden))
        for target, members in enumerate(routing.members):
            hop = routing.class_to_class(class_, target)
            if hop is not None:
                for member in members:
                    yield from ((p, hop) for p in self.visible(member, hidden))

    def _by_block(self, owned: Mapping[Prefix, int]) -> Iterator[Region]:
        """The owned prefixes as regions, a block of the allocation as one where it is uniform.

        The free addresses of such a block go where its nodes go. That costs no entry, and the
        next node in the block is then routed right already.
        """
        blocks: dict[Prefix, dict[Prefix, int]] = defaultdict(dict)
        rest: dict[Prefix, int] = {}
        pools = self.routing.graph.spec.network.pools
        for prefix, peer in owned.items():
            block = _block_of(prefix, pools) if prefix.is_host else None
            (rest if block is None else blocks[block])[prefix] = peer
        for block, inside in blocks.items():
            if len(set(inside.values())) == 1:
                yield Region(block, next(iter(inside.values())))
            else:
                rest.update(inside)
        for prefix, peer in rest.items():
            yield Region(prefix, peer)

    def _relay_table(self, node: int, exit_peer: int, hidden: Prefixes) -> Table:
        carried = list(self._carried(node, hidden))
        if not carried and exit_peer < 0:
            return {}
        graph = self.routing.graph
        relays = frozenset(graph.relays)
        row = graph.neighbours[node]
        peers = [i for i in row if i in relays or i == exit_peer]
        bit = {peer: 2 << i for i, peer in enumerate(peers)}
        anyone = _mask(range(len(peers))) | UNMATCHED
        regions: dict[Prefix, Region] = {}
        if exit_peer >= 0:
            for default in (DEFAULT_V4, DEFAULT_V6):
                regions[default] = Region(default, bit[exit_peer], bit[exit_peer])
        for i in row:
            for prefix in self.visible(i, hidden):
                regions[prefix] = Region(prefix, bit.get(i, anyone))
        for prefix, hop in carried:
            regions[prefix] = Region(prefix, bit[hop])
        table = minimal_table(regions.values())
        return {peer: table.get(bit[peer], ()) for peer in peers}

    def _carried(self, node: int, hidden: Prefixes) -> Iterator[tuple[Prefix, int]]:
        """What a relay sends through other relays."""
        routing = self.routing
        for relay in routing.graph.relays:
            if relay != node and not routing.graph.adjacent(node, relay):
                hop = routing.relay_tree(relay).next_hop.get(node)
                if hop is not None:
                    yield from ((p, hop) for p in self.visible(relay, hidden))
        for target, members in enumerate(routing.members):
            if any(relay == node for relay, _ in routing.attachments[target]):
                continue
            hop = routing.class_tree(target).next_hop.get(node)
            if hop is not None:
                for member in members:
                    yield from ((p, hop) for p in self.visible(member, hidden))


def _mask(places: range) -> int:
    return sum(2 << i for i in places)


def _block_of(prefix: Prefix, pools: Prefixes) -> Prefix | None:
    """The allocation block in which a host address lies; None outside the numbered space."""
    for pool in pools:
        if not pool.contains(prefix):
            continue
        width = min(BITS[pool.family] - pool.length, FIRST_WIDTH)
        bits = block_bits(width)
        number = prefix.value - pool.value
        if number >> width or bits >= BITS[pool.family] - pool.length:
            return None
        start = pool.value + ((number >> bits) << bits)
        return Prefix(pool.family, start, BITS[pool.family] - bits)
    return None

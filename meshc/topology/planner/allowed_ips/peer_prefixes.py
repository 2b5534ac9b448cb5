"""The AllowedIPs of every node's peers.

A peer that is no relay gets exactly its own prefixes. The relays and the exit of a node share
the rest: on a leaf its home has the whole pools as catch-all and the others what
differs; on a relay every entry is exact, because an address that nobody has must die at once.
Leaves of one class (see `routing`) with the same exit and the same LANs share one table; it
routes to the class itself as well, so that a new member changes nothing.

These tables are the smallest there are, plus one entry for each IPv6 address that a node owns and
that an entry begins at (see `anycast_hosts`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from meshc.prefix_index import PrefixIndex
from meshc.prefixes import Prefix, collapse
from meshc.topology.language.spec import NodeSpec, Spec
from meshc.topology.planner.addressing.allocation import Allocation
from meshc.topology.planner.allowed_ips.anycast_hosts import first_addresses, with_hosts
from meshc.topology.planner.allowed_ips.exit_share import ExitShare, exit_share, whole_share
from meshc.topology.planner.allowed_ips.minimal_table import Region
from meshc.topology.planner.allowed_ips.plain_tables import PlainTables, class_wishes, plain_tables
from meshc.topology.planner.allowed_ips.table_regions import (
    PeerBits,
    Prefixes,
    Table,
    block_regions,
    default_regions,
)
from meshc.topology.planner.policy.lan_reach import LanReach
from meshc.topology.planner.routing.routing import Routing
from meshc.values import dataclass, field

_Key = tuple[int, int, "Hidden", tuple[int, ...] | None, ExitShare]
_Hosts = Mapping[Prefix, int]


def own_prefixes(node: NodeSpec, addresses: Prefixes) -> Prefixes:
    """What belongs to a node: its addresses and the LANs behind it."""
    return collapse((*addresses, *node.routes))


class Hidden(NamedTuple):
    """What a node must not send into the tunnel: `lans` of its own site, with every part of them,
    wherever else that lies; and `own`, what it offers itself, or policies keep it away from. A part
    of that may be somebody else's: the more specific route wins, on the router as well."""

    lans: Prefixes
    own: Prefixes

    def hides(self, prefix: Prefix) -> bool:
        return prefix in self.own or any(lan.contains(prefix) for lan in self.lans)

    def matters(self, routed: PrefixIndex[int]) -> Hidden:
        """Those prefixes only that somebody's routes overlap."""
        lans, own = (tuple(p for p in some if routed.overlaps(p)) for some in self)
        return Hidden(lans, own)


def hidden_prefixes(spec: Spec, node: NodeSpec) -> Hidden:
    """What a node must not be sent into the tunnel for."""
    lan = spec.sites[node.site].lan if node.site in spec.sites and node.site else ()
    return Hidden(tuple(sorted(set(lan))), tuple(sorted(set(node.routes))))


@dataclass(slots=True)
class PeerTables:
    """AllowedIPs by node number. Equal tuples are shared.

    `_nested` are the nodes with a route that overlaps a prefix of another node: they must take
    part in the tables of their neighbours, all other routers just have their own prefixes.
    """

    routing: Routing
    allocation: Allocation
    reach: LanReach = field(default_factory=LanReach)
    own: tuple[Prefixes, ...] = field(init=False)
    _routed: PrefixIndex[int] = field(init=False)
    _everything: PrefixIndex[int] = field(init=False)
    _nested: frozenset[int] = field(init=False)
    _owner: dict[Prefix, int] = field(init=False)
    _shared: dict[_Key, tuple[Table, _Hosts]] = field(default_factory=dict)
    _whole: dict[tuple[_Key, Prefixes], Table] = field(default_factory=dict)
    _entries: dict[int, frozenset[Prefix]] = field(default_factory=dict)
    _union: dict[int, tuple[Prefixes, PrefixIndex[int]]] = field(default_factory=dict)
    _plain: PlainTables | None = field(init=False)
    _of_class_alone: dict[tuple[object, ...], Table] = field(default_factory=dict)

    def __post_init__(self) -> None:
        nodes = self.routing.graph.nodes
        self.own = tuple(own_prefixes(node, self.allocation.addresses[node.name]) for node in nodes)
        self._routed = PrefixIndex((p, i) for i, node in enumerate(nodes) for p in node.routes)
        routers = [i for i, node in enumerate(nodes) if node.routes]
        self._owner = {
            address: i
            for i, node in enumerate(nodes)
            for address in self.allocation.addresses[node.name]
            if address.family == 6
        }
        self._everything = PrefixIndex((p, i) for i, own in enumerate(self.own) for p in own)
        self._nested = frozenset(
            i
            for i in routers
            if any(
                other != i for p in nodes[i].routes for _, other in self._everything.overlapping(p)
            )
        )
        self._plain = plain_tables(self.routing.graph.spec.network.pools, self.own)

    def allowed_ips(self, node: int, peer: int) -> Prefixes:
        """The AllowedIPs of one peer section."""
        special = self.special(node)
        if peer in special:
            return special[peer]
        return self.visible(peer, self.hidden(node))

    def home_prefixes(self, node: int, peer: int) -> Prefixes:
        """What moves when a leaf does: on the leaf all that its home has, on a relay what belongs
        to the leaf."""
        if self.routing.graph.nodes[node].is_relay:
            return self.visible(peer, self.hidden(node))
        return self.allowed_ips(node, peer)

    def visible(self, peer: int, hidden: Hidden) -> Prefixes:
        """A peer's own prefixes without those that the viewer reaches by itself. A wider one stays:
        the kernel takes the viewer's own LAN, which is more specific, out of it."""
        own = self.own[peer]
        if not any(hidden) or not self.routing.graph.nodes[peer].routes:
            return own
        left = tuple(p for p in own if not hidden.hides(p))
        return own if len(left) == len(own) else left

    def hidden(self, node: int) -> Hidden:
        """The hidden prefixes that matter: those that somebody's routes overlap."""
        graph = self.routing.graph
        found = hidden_prefixes(graph.spec, graph.nodes[node])
        denied = self.reach.denied_lans(graph.nodes[node])
        if denied:
            found = Hidden(found.lans, tuple(sorted({*found.own, *denied})))
        return found.matters(self._routed)

    def special(self, node: int) -> Table:
        """The AllowedIPs of the peers that get more, or less, than their own prefixes."""
        exit_peer = self.exit_peer(node)
        hidden = self.hidden(node)
        class_ = self.routing.class_of[node]
        if class_ < 0:
            table = self._relay_table(node, exit_peer, hidden, self._share(node))
            return with_hosts(table, self._hosts(node, table, self._beginnings(table)))
        key = (class_, exit_peer, hidden, self._met(node, class_), self._share(node))
        if key not in self._shared:
            table = self._leaf_table(*key)
            self._shared[key] = table, self._beginnings(table)
        table, beginnings = self._shared[key]
        if beginnings:
            hosts = self._hosts(node, table, beginnings)
            whole = (key, tuple(hosts))
            if whole not in self._whole:
                self._whole[whole] = with_hosts(table, hosts)
            table = self._whole[whole]
        return self._without_neighbours(node, table)

    def _without_neighbours(self, node: int, table: Table) -> Table:
        """A shared table may say that one address inside another relay's block goes to
        the home. Where the node with that address is a neighbour, its own section says so.
        """
        if not any(table.values()):
            return table
        graph, class_of = self.routing.graph, self.routing.class_of
        leaves = [i for i in graph.neighbours[node] if class_of[i] >= 0 and i not in table]
        if not leaves:
            return table
        entries = self._entries.get(id(table))
        if entries is None:
            entries = frozenset(p for prefixes in table.values() for p in prefixes)
            self._entries[id(table)] = entries
        addresses = self.allocation.addresses
        near = (address for i in leaves for address in addresses[graph.nodes[i].name])
        doubled = entries.intersection(near)
        if not doubled:
            return table
        return {
            peer: tuple(p for p in prefixes if p not in doubled) for peer, prefixes in table.items()
        }

    def _beginnings(self, table: Table) -> _Hosts:
        """The addresses of nodes that Linux would take for anycast addresses, and their peer."""
        return {a: peer for a, peer in first_addresses(table).items() if a in self._owner}

    def _hosts(self, node: int, table: Table, beginnings: _Hosts) -> _Hosts:
        """Those of `beginnings` that need an entry here: a neighbour's own section has one already,
        and a node has no route to itself."""
        adjacent = self.routing.graph.adjacent
        return {
            address: peer
            for address, peer in beginnings.items()
            if (owner := self._owner[address]) in table
            or not (owner == node or adjacent(node, owner))
        }

    def exit_peer(self, node: int) -> int:
        """The neighbour that carries this node's default route, or -1."""
        graph = self.routing.graph
        name = graph.nodes[node].exit
        if name is None or name not in graph.number or not self.reach.online(graph.nodes[node]):
            return -1
        peer = graph.number[name]
        return peer if graph.adjacent(node, peer) else -1

    def _share(self, node: int) -> ExitShare:
        graph = self.routing.graph
        if not graph.nodes[node].exit_except:
            return whole_share(graph.spec, graph.nodes[node])
        near = hidden_prefixes(graph.spec, graph.nodes[node])

        def routed(prefix: Prefix) -> bool:
            over = self._routed.overlapping(prefix)
            return any(lan.contains(prefix) and not near.hides(lan) for lan, _ in over)

        return exit_share(graph, node, (*near.lans, *near.own), routed)

    def _met(self, node: int, class_: int) -> tuple[int, ...] | None:
        """The direct neighbours that the shared table must leave out, because without the link it
        would have entries for them. None means all nodes."""
        routing, nodes = self.routing, self.routing.graph.nodes
        row = routing.graph.neighbours[node]
        if len(row) == len(nodes) - 1 and not self._nested:
            return None
        home = self._home(class_)
        return tuple(
            j
            for j in row
            if routing.class_of[j] >= 0
            and (nodes[j].routes or routing.class_to_class(class_, routing.class_of[j]) != home)
        )

    def _home(self, class_: int) -> int | None:
        """The relay that has the catch-all of a class."""
        home = self.routing.homes[self.routing.members[class_][0]]
        return None if home is None else self.routing.graph.number[home.relay]

    def _leaf_table(
        self,
        class_: int,
        exit_peer: int,
        hidden: Hidden,
        met: tuple[int, ...] | None,
        share: ExitShare,
    ) -> Table:
        home = self._home(class_)
        if home is None and exit_peer < 0:
            return {}
        relays = sorted(r for r, _ in self.routing.attachments[class_] if r != home)
        if home is not None:
            relays.insert(0, home)
        peers = PeerBits(relays, exit_peer)
        pools = self.routing.graph.spec.network.pools
        regions = default_regions(peers, exit_peer, share, pools)
        plain = self._plain_table(class_, peers, exit_peer, hidden, met, regions)
        if plain is not None:
            return plain
        owned: dict[Prefix, int] = {}
        if home is not None:
            for pool in pools:
                regions[pool] = Region(pool, peers.relays, peers.of(home))
            owned = {p: peers.of(hop) for p, hop in self._leaf_owned(class_, hidden, met)}
        for region in block_regions(owned, pools):
            regions.setdefault(region.prefix, region)
        if exit_peer >= 0:
            for prefix in self.visible(exit_peer, hidden):
                regions[prefix] = Region(prefix, peers.of(exit_peer))
        for neighbour in met or ():
            for prefix in self.visible(neighbour, hidden) if neighbour not in peers else ():
                regions.setdefault(prefix, Region(prefix, peers.anyone))
        self._add_nested(regions, peers, met or (), hidden)
        return peers.table(regions)

    def _plain_table(
        self,
        class_: int,
        peers: PeerBits,
        exit_peer: int,
        hidden: Hidden,
        met: tuple[int, ...] | None,
        defaults: Mapping[Prefix, Region],
    ) -> Table | None:
        """The same table where nothing stands in the way of the short cut."""
        plain, home, class_of = self._plain, self._home(class_), self.routing.class_of
        if plain is None or home is None or met is None:
            return None
        if exit_peer >= 0 and class_of[exit_peer] >= 0:
            return None
        if any(pool.overlaps(p) for some in hidden for p in some for pool in plain.pools):
            return None
        wishes = class_wishes(self.routing, class_, peers, home, met, defaults)
        if wishes is None:
            return None
        near = (p for some in hidden for h in some for p, _ in self._routed.overlapping(h))
        dropped = frozenset(p for p in near if hidden.hides(p))
        if defaults or not dropped:
            return plain.table(wishes, dropped)
        key = (class_, met)
        if key not in self._of_class_alone:
            self._of_class_alone[key] = plain.table(wishes, frozenset())
        return plain.lighter(self._of_class_alone[key], wishes, dropped)

    def _leaf_owned(
        self, class_: int, hidden: Hidden, met: tuple[int, ...] | None
    ) -> Iterator[tuple[Prefix, int]]:
        """Every prefix that somebody has, and the relay to which a class sends it."""
        routing = self.routing
        for relay in routing.graph.relays:
            hop = routing.class_to_relay(class_, relay)
            if hop is not None:
                yield from ((p, hop) for p in self.visible(relay, hidden))
        if met is None:
            return
        left_out = frozenset(met)
        classes = {routing.class_of[i] for i in left_out}
        for target in range(len(routing.members)):
            hop = routing.class_to_class(class_, target)
            if hop is not None:
                without = left_out if target in classes else frozenset()
                yield from ((p, hop) for p in self._of_class(target, hidden, without))

    def _of_class(
        self, class_: int, hidden: Hidden, without: frozenset[int] = frozenset()
    ) -> Prefixes:
        """What the leaves of a class own together, as few prefixes."""
        members = self.routing.members[class_]
        if without:
            seen = (self.visible(i, hidden) for i in members if i not in without)
            return collapse(p for own in seen for p in own)
        if class_ not in self._union:
            union = collapse(p for i in members for p in self.own[i])
            self._union[class_] = union, PrefixIndex((p, class_) for p in union)
        union, index = self._union[class_]
        cut = {p for some in hidden for h in some for p, _ in index.overlapping(h)}
        if not cut:
            return union
        inside = ((p, i) for wide in cut for p, i in self._everything.overlapping(wide))
        of_class = (p for p, i in inside if self.routing.class_of[i] == class_)
        left = collapse(p for p in of_class if not hidden.hides(p))
        return (*(p for p in union if p not in cut), *left)

    def _relay_table(self, node: int, exit_peer: int, hidden: Hidden, share: ExitShare) -> Table:
        carried = list(self._carried(node, hidden))
        if not carried and exit_peer < 0:
            return {}
        graph = self.routing.graph
        row = graph.neighbours[node]
        relays = frozenset(graph.relays)
        peers = PeerBits([i for i in row if i in relays], exit_peer)
        regions = default_regions(peers, exit_peer, share, graph.spec.network.pools)
        for peer in peers:
            for prefix in self.visible(peer, hidden):
                regions[prefix] = Region(prefix, peers.of(peer))
        for class_, attached in enumerate(self.routing.attachments):
            if any(relay == node for relay, _ in attached):
                for prefix in self._of_class(class_, hidden):
                    regions.setdefault(prefix, Region(prefix, peers.anyone))
        for prefix, hop in carried:
            regions[prefix] = Region(prefix, peers.of(hop))
        self._add_nested(regions, peers, [i for i in row if i not in peers], hidden)
        return peers.table(regions)

    def _carried(self, node: int, hidden: Hidden) -> Iterator[tuple[Prefix, int]]:
        """What a relay sends through other relays."""
        routing = self.routing
        for relay in routing.graph.relays:
            if relay != node and not routing.graph.adjacent(node, relay):
                hop = routing.relay_tree(relay).next_hop.get(node)
                if hop is not None:
                    yield from ((p, hop) for p in self.visible(relay, hidden))
        for target in range(len(routing.members)):
            if any(relay == node for relay, _ in routing.attachments[target]):
                continue
            hop = routing.class_tree(target).next_hop.get(node)
            if hop is not None:
                yield from ((p, hop) for p in self._of_class(target, hidden))

    def _add_nested(
        self,
        regions: dict[Prefix, Region],
        peers: PeerBits,
        neighbours: Iterable[int],
        hidden: Hidden,
    ) -> None:
        """Routers whose LAN holds somebody else's prefix: their entries stay exactly as they are,
        and what lies inside them needs entries of its own."""
        for i in neighbours:
            if i in self._nested and i not in peers:
                bit = peers.add(i)
                for prefix in self.visible(i, hidden):
                    regions[prefix] = Region(prefix, bit, bit, peers.anyone)

"""What there is to draw: a pure projection of the plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from meshc.prefixes import BITS, Prefix, mask
from meshc.topology.language.spec import Nat, NodeSpec
from meshc.topology.obligations.reach_table import ReachTable, reach_table
from meshc.topology.planner.mesh_plan import MeshPlan, NodePlan
from meshc.values import dataclass

# Above this many nodes the paths of all pairs are not put into a picture: the file would grow
# with the square (400 nodes are 160,000 pairs, about half a megabyte).
MOST_NODES_WITH_PATHS = 400

# Above this many direct links a picture shows those between sites, not those between nodes.
MOST_LINES = 60

LONGEST_BADGE = 32


class NodeKind(Enum):
    """How a node is drawn."""

    RELAY = "relay"
    PUBLIC = "public"
    HIDDEN = "hidden"  # behind a NAT
    FOREIGN = "foreign"  # not managed by us
    FOLDED = "folded"  # several nodes as one box


@dataclass(frozen=True, slots=True)
class PictureNode:
    """A box. `badges` are written into it (what it carries, its LANs, exits), one a line; `notes`
    say the same in words. `carried` is how many pairs reach each other through it."""

    name: str
    kind: NodeKind
    site: str
    platform: str
    addresses: tuple[str, ...]
    notes: tuple[str, ...]
    badges: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    carried: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """`links` are index pairs a < b of direct links; `paths[a][b]` is the tuple of node indices
    strictly between a and b, None where there is no way, and `paths` is empty above
    MOST_NODES_WITH_PATHS nodes. `sites` maps a site to its NAT's name. `reach` is what policies let
    begin, None where there are none. `standby` has, for a node whose agent moves it when its home
    dies, the relays that it moves to, in order."""

    title: str
    nodes: tuple[PictureNode, ...]
    links: tuple[tuple[int, int], ...]
    paths: tuple[tuple[tuple[int, ...] | None, ...], ...]
    sites: Mapping[str, str]
    home: tuple[int | None, ...]  # the relay that carries most of a node's bounced traffic
    reach: ReachTable | None = None
    standby: tuple[tuple[int, ...], ...] = ()

    @property
    def many(self) -> bool:
        """Whether its lines, one for each link, would be a tangle."""
        return len(self.links) > MOST_LINES

    @property
    def bounced(self) -> tuple[tuple[int, int], ...]:
        """Pairs a < b that reach each other through relays, and may."""
        speak = _Speakers([node.name for node in self.nodes], self.reach).speak
        return tuple(
            (a, b)
            for a, row in enumerate(self.paths)
            for b in range(a + 1, len(row))
            if row[b] and speak(a, b)
        )


def picture(plan: MeshPlan) -> Picture:
    """Draws nothing yet: gathers nodes, links and paths from the plan."""
    names = list(plan.nodes)
    index = {name: i for i, name in enumerate(names)}
    links = sorted(
        {
            (min(i, index[peer.name]), max(i, index[peer.name]))
            for i, name in enumerate(names)
            for peer in plan.nodes[name].peers
            if not peer.maybe
        }
    )
    tables = [_Table(plan.nodes[name], index) for name in names]
    few = len(names) <= MOST_NODES_WITH_PATHS
    paths = tuple(_paths(a, names, plan, tables) for a in range(len(names))) if few else ()
    reach = reach_table(plan.spec) if plan.spec.policies is not None else None
    load = _load(paths, _Speakers(names, reach).speak)
    bounced = load.pop(None, 0)
    orders = [_order(plan.nodes[name]) for name in names]
    waiting = Counter(relay for order in orders for relay in order[1:2])
    return Picture(
        title=plan.spec.network.name,
        nodes=tuple(
            _node(plan.nodes[name], orders[i], _Duty(load[i], bounced, waiting[name]))
            for i, name in enumerate(names)
        ),
        links=tuple(links),
        paths=paths,
        sites={name: site.nat.value for name, site in plan.spec.sites.items()},
        home=tuple(_home(plan.nodes[name], plan, index) for name in names),
        reach=reach,
        standby=tuple(tuple(index[relay] for relay in order[1:]) for order in orders),
    )


class _Duty(NamedTuple):
    """What a node does for others: pairs that it carries, of all that are bounced, and nodes that
    move to it first when their relay dies."""

    carried: int
    of: int
    waiting: int

    def words(self) -> list[str]:
        said = []
        if self.carried:
            share = f" ({self.carried / self.of:.0%})" if self.carried < self.of else ""
            said.append(f"carries {_count(self.carried, 'pair')}{share}")
        if self.waiting:
            said.append(f"stands by for {_count(self.waiting, 'node')}")
        return said


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _order(plan: NodePlan) -> tuple[str, ...]:
    """The relays that a node's agent knows, its home first; nothing without an agent."""
    return plan.agent.order if plan.agent is not None else ()


class _Speakers:
    """Who has something to say to whom, by number."""

    def __init__(self, names: Sequence[str], reach: ReachTable | None) -> None:
        self._cells = reach.cells if reach is not None else None
        known = reach.of() if reach is not None else {}
        self._of = [known.get(name, -1) for name in names]

    def speak(self, a: int, b: int) -> bool:
        """Whether policies let anything begin between two nodes, either way."""
        if self._cells is None:
            return True
        one, other = self._of[a], self._of[b]
        return (one, other) in self._cells or (other, one) in self._cells


def _load(
    paths: Sequence[Sequence[Sequence[int] | None]], speak: Callable[[int, int], bool]
) -> Counter[int | None]:
    """How many pairs a < b each node carries, of those that have something to say; under None all
    that are bounced."""
    return Counter(
        between
        for a, row in enumerate(paths)
        for b in range(a + 1, len(row))
        if row[b] and speak(a, b)
        for between in (None, *(row[b] or ()))
    )


def _node(plan: NodePlan, order: Sequence[str], duty: _Duty) -> PictureNode:
    spec = plan.spec
    notes = [f"routes {', '.join(map(str, spec.routes))}"] if spec.routes else []
    badges = [f"LAN {spec.routes[0]}" + (" …" if len(spec.routes) > 1 else "")] if notes else []
    if spec.groups:
        badges.append(_shortly(f"in {', '.join(spec.groups)}"))
    if spec.exit_node:
        notes.append("exit node")
        badges.append("exit")
    if spec.exit:
        notes.append(f"internet through {spec.exit}")
        badges.append(f"internet: {spec.exit}")
    partners = [peer.name for peer in plan.peers if peer.maybe]
    if partners:
        notes.append(f"may find direct paths with {', '.join(partners)}")
    if len(order) > 1:
        notes.append(f"lives on {order[0]}, moves to {', then '.join(order[1:])}")
    notes += duty.words()
    badges += duty.words()
    return PictureNode(
        name=spec.name,
        kind=_kind(spec),
        site=spec.site or "",
        platform=spec.platform.value,
        addresses=tuple(address.address for address in plan.addresses),
        notes=tuple(notes),
        badges=tuple(badges),
        groups=spec.groups,
        carried=duty.carried,
    )


def _shortly(text: str) -> str:
    return text if len(text) <= LONGEST_BADGE else text[: LONGEST_BADGE - 1] + "…"


def _kind(spec: NodeSpec) -> NodeKind:
    if spec.is_relay:
        return NodeKind.RELAY
    if not spec.managed:
        return NodeKind.FOREIGN
    hidden = spec.nat in (Nat.RESTRICTED, Nat.PORT_RESTRICTED, Nat.SYMMETRIC)
    return NodeKind.PUBLIC if spec.endpoints and not hidden else NodeKind.HIDDEN


def _home(plan: NodePlan, mesh: MeshPlan, index: Mapping[str, int]) -> int | None:
    """The relay peer with the widest prefix: where the catch-all points."""
    if plan.spec.is_relay:
        return None
    order = _order(plan)
    if order:
        return index[order[0]]
    relays = [
        (max((BITS[p.family] - p.length for p in peer.allowed_ips), default=0), peer.name)
        for peer in plan.peers
        if mesh.nodes[peer.name].spec.is_relay
    ]
    widest = max(relays, key=lambda item: (item[0], [-ord(c) for c in item[1]]), default=None)
    return index[widest[1]] if widest else None


class _Table:
    """Cryptokey routing of one node: longest prefix first, one dict per length."""

    def __init__(self, plan: NodePlan, index: Mapping[str, int]) -> None:
        lengths: dict[tuple[int, int], dict[int, int]] = {}
        for peer in plan.peers:
            for prefix in peer.allowed_ips:
                table = lengths.setdefault((prefix.family, prefix.length), {})
                table[prefix.value] = index[peer.name]
        self._lengths = sorted(lengths.items(), key=lambda item: -item[0][1])

    def next_hop(self, host: Prefix) -> int | None:
        for (family, length), table in self._lengths:
            if family == host.family:
                hop = table.get(mask(family, host.value, length))
                if hop is not None:
                    return hop
        return None


def _paths(
    a: int, names: list[str], plan: MeshPlan, tables: list[_Table]
) -> tuple[tuple[int, ...] | None, ...]:
    """For every other node, the nodes between; follows next hops from table to table."""
    return tuple(
        () if a == b else _walk(a, b, plan.nodes[name].addresses[0].host, tables)
        for b, name in enumerate(names)
    )


def _walk(a: int, b: int, host: Prefix, tables: list[_Table]) -> tuple[int, ...] | None:
    between: list[int] = []
    hop = tables[a].next_hop(host)
    while hop is not None and hop != b:
        if hop in between or hop == a:
            return None
        between.append(hop)
        hop = tables[hop].next_hop(host)
    return tuple(between) if hop == b else None

"""The FIB: every node's forwarding table over every address that matters, one family at a time.

The prefixes of all files cut the address space into intervals inside which no file tells two
addresses apart; an interval is an *atom*. A node's table is then one row: the next node for each
atom. Nodes with equal tables share a row, so that ten thousand leaves behind three relays have a
handful of rows.

In a large network even a leaf's few neighbours of its own (the other nodes of its site) would give
it a table of its own. There, the addresses of such neighbours are taken out of the rows and kept
as *exceptions*, (node, atom) -> neighbour; pairs of such neighbours are then traced one by one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

import numpy as np

from meshc.prefixes import DEFAULT_V4, DEFAULT_V6, Prefix
from meshc.topology.proof.allowed_spans import AllowedSpans, Lengths, paint
from meshc.topology.proof.node_model import NodeModel
from meshc.topology.proof.peer_table import Bools, Ints, Longs, MeshPeerTable
from meshc.topology.proof.policy_routing import RouteKind
from meshc.topology.proof.policy_rule import RouteQuery
from meshc.topology.proof.unique_values import unique_values
from meshc.values import dataclass

UPLINK = -1  # no route into the tunnel
NO_PEER = -2  # routed into the tunnel, where no peer has it
LAN = -3  # a network that the node is connected to
# Above this many nodes tables are told apart without their exceptions: below, all pairs are
# traced faster than exceptions are looked up.
LARGE = 1200
# NOBODY = -4: the peer that has it is no node
DEEPEST = 64  # as many hops as an IP packet has by default
_DEFAULTS = {4: DEFAULT_V4, 6: DEFAULT_V6}


@dataclass(slots=True)
class Fib:
    """`bounds[i]` is where atom i + 1 begins; atom 0 begins at address 0.

    `row_of[n]` is node n's row in `peer` (cryptokey routing: the node whose AllowedIPs match, or
    NO_PEER or NOBODY) and in `route` (what its kernel does: a node, or UPLINK, NO_PEER, LAN,
    NOBODY). `home[n]` is the atom of the node's address (-1: none in this family); `owner[i]` the
    node whose address atom i is (-1: nobody's), `shared` the atoms with several owners.
    `policy` are the AllowedIPs of nodes with rules or tables of their own: their rows are for first
    packets that begin there.
    """

    family: int
    bounds: list[int]
    row_of: Ints
    peer: Ints
    route: Ints
    home: Ints
    owner: Ints
    behind: Ints
    shared: dict[int, frozenset[int]]
    rules: Ints
    exception: Longs
    exception_to: Ints
    policy: dict[int, tuple[Prefix, ...]]

    def next_hop(self, nodes: Ints, atoms: Ints) -> Ints:
        """What each node's kernel does with the atom beside it, exceptions included."""
        return self._excepted(self.route[self.row_of[nodes], atoms], nodes, atoms)

    def believed(self, nodes: Ints, atoms: Ints) -> Ints:
        """From whom each node takes packets with this source, exceptions included."""
        return self._excepted(self.peer[self.row_of[nodes], atoms], nodes, atoms)

    def _excepted(self, plain: Ints, nodes: Ints, atoms: Ints) -> Ints:
        if not len(self.exception):
            return plain
        key = nodes.astype(np.int64) * len(self.owner) + atoms
        at = np.searchsorted(self.exception, key)
        at[at == len(self.exception)] = 0
        return np.where(self.exception[at] == key, self.exception_to[at], plain).astype(np.int32)

    def pairs(self) -> tuple[Ints, Ints]:
        """The nodes of each exception: who has it, and for whom."""
        nodes = (self.exception // len(self.owner)).astype(np.int32)
        return nodes, self.exception_to

    def atom(self, address: int) -> int:
        return bisect_right(self.bounds, address)

    def atoms(self, prefix: Prefix) -> range:
        """The atoms that a prefix of the FIB consists of."""
        return range(self.atom(prefix.value), self.atom(prefix.last) + 1)

    def first(self, atom: int) -> int:
        """The lowest address of an atom."""
        return self.bounds[atom - 1] if atom else 0


def build_fib(table: MeshPeerTable, family: int, pools: Iterable[Prefix]) -> Fib:
    """Cuts the space and fills the rows."""
    models = table.models
    cuts = {p for p in table.entries.prefixes if p.family == family}
    cuts.update(p for p in pools if p.family == family)
    cuts.add(_DEFAULTS[family])
    in_rules: set[Prefix | None] = set()
    rule_prefixes: set[Prefix] = set()
    for model in models:
        facts = model.facts
        duty = facts.exit_duty
        for prefixes in (
            model.own, model.other_routes, facts.lans, facts.routes, duty.beside, duty.doors
        ):  # fmt: skip
            cuts.update(p for p in prefixes if p.family == family)
        for rules in model.firewall.chains.values():
            for rule in rules:
                in_rules.update((rule.source, rule.destination), rule.sources)
        rule_prefixes |= {p for p in model.routing.prefixes if p.family == family}
    rule_prefixes |= {p for p in in_rules if p is not None and p.family == family}
    cuts |= rule_prefixes
    bounds = sorted({p.value for p in cuts} | {p.last + 1 for p in cuts})
    if bounds and bounds[0] == 0:
        bounds = bounds[1:]
    fib = Fib(
        family=family,
        bounds=bounds,
        row_of=np.zeros(len(models), np.int32),
        peer=np.zeros((0, 0), np.int32),
        route=np.zeros((0, 0), np.int32),
        home=np.full(len(models), -1, np.int32),
        owner=np.full(len(bounds) + 1, -1, np.int32),
        behind=np.full(len(bounds) + 1, -1, np.int32),
        shared={},
        rules=np.zeros(len(bounds) + 1, np.int32),
        exception=np.zeros(0, np.int64),
        exception_to=np.zeros(0, np.int32),
        policy={},
    )
    _own(fib, models)
    fib.rules = _rule_classes(fib, rule_prefixes)
    _fill(fib, table)
    _mirror(fib, models)
    return fib


def _own(fib: Fib, models: tuple[NodeModel, ...]) -> None:
    """Whose address each atom is, and behind which router it lies."""
    owners: dict[int, set[int]] = {}
    length = np.full(len(fib.owner), -1, np.int32)
    for n, model in enumerate(models):
        for prefix in model.own:
            if prefix.family != fib.family:
                continue
            atom = fib.atom(prefix.value)
            owners.setdefault(atom, set()).add(n)
            if fib.home[n] < 0:
                fib.home[n] = atom
        for prefix in model.facts.routes:
            if prefix.family == fib.family:
                part = fib.atoms(prefix)
                better = length[part.start : part.stop] < prefix.length
                fib.behind[part.start : part.stop][better] = n
                length[part.start : part.stop][better] = prefix.length
    for atom, nodes in owners.items():
        fib.owner[atom] = min(nodes)
        if len(nodes) > 1:
            fib.shared[atom] = frozenset(nodes)


def _fill(fib: Fib, table: MeshPeerTable) -> None:
    """One row per different table. Painting the entries in the order of their lengths leaves
    the longest match; among equal ones the last in the file, as in WireGuard."""
    spans = AllowedSpans(fib.atoms, table.entries, fib.family)
    taken_out = _exceptions(fib, table, spans)
    rows: dict[tuple[object, ...], int] = {}
    peers: list[Ints] = []
    routed: dict[int, Ints] = {}
    for n, model in enumerate(table.models):
        part = slice(int(table.start[n]), int(table.start[n + 1]))
        numbers, to = table.allowed[part], table.to[part]
        if taken_out is not None:
            left = ~taken_out[part]
            numbers, to = numbers[left], to[left]
        lans = tuple(p for p in model.facts.lans if p.family == fib.family)
        others = tuple(p for p in model.other_routes if p.family == fib.family)
        key = (
            numbers.tobytes(), to.tobytes(), lans, others,
            model.installs_routes, n if model.conf is None else -1,
            None if model.routing.plain else model.routing,
        )  # fmt: skip
        row = rows.get(key)
        if row is None:
            row = rows[key] = len(peers)
            peer = np.full(len(fib.owner), NO_PEER, np.int32)
            lo, hi, length, who = spans.entries(numbers, to)
            paint(peer, lo, hi, who)
            peers.append(peer)
            if not model.routing.plain:
                routed[row] = _looked_up(fib, model, peer, _prefixes(fib, table, numbers))
            elif lans or others or not model.installs_routes:
                used = (lo, hi, length) if model.installs_routes else None
                routed[row] = _routed(fib, peer, used, others, lans)
        if not model.routing.plain:
            fib.policy[n] = _prefixes(fib, table, numbers)
        fib.row_of[n] = row
    if peers:
        fib.peer = np.stack(peers)
        peers.clear()
        fib.route = np.where(fib.peer == NO_PEER, np.int32(UPLINK), fib.peer)
        for row, route in routed.items():
            fib.route[row] = route


def _exceptions(fib: Fib, table: MeshPeerTable, spans: AllowedSpans) -> Bools | None:
    """Finds the sections that become exceptions; None when the network is small.

    Such a section joins two nodes that forward for nobody, and has nothing but the peer's own
    addresses, which are nobody else's and stand in no other section of the file.
    """
    models = table.models
    if len(models) <= LARGE:
        return None
    leaf = np.array([_is_leaf(model, fib.family) for model in models], bool)
    frm, to = table.frm, table.to
    found: Bools = leaf[frm] & (to >= 0) & leaf[np.maximum(to, 0)]
    candidates = np.flatnonzero(found)
    kind = table.allowed[candidates].astype(np.int64) * len(models) + to[candidates]
    _, first, inverse = np.unique(kind, return_index=True, return_inverse=True)
    doubled = set(fib.shared)
    own = []
    for i in candidates[first]:
        some = {p for p in table.allowed_sets[table.allowed[i]] if p.family == fib.family}
        mine = some <= set(models[to[i]].own)
        own.append(mine and not any(fib.atom(p.value) in doubled for p in some))
    found[candidates] = np.array(own, bool)[inverse] if own else False
    for n in np.flatnonzero(leaf):
        part = slice(int(table.start[n]), int(table.start[n + 1]))
        if not found[part].any():
            continue
        lo, hi, _, _ = spans.entries(table.allowed[part], to[part])
        spans_of_it = lo.astype(np.int64) * len(fib.owner) + hi
        if len(unique_values(spans_of_it)) < len(spans_of_it):
            found[part] = False
    rows = np.flatnonzero(found)
    count = spans.count[table.allowed[rows]]
    ends = np.cumsum(count)
    at = np.arange(int(count.sum())) - np.repeat(ends - count, count)
    at += np.repeat(spans.begin[table.allowed[rows]], count)
    nodes = np.repeat(frm[rows], count).astype(np.int64)
    key = nodes * len(fib.owner) + spans.lo[at]
    order = np.argsort(key)
    fib.exception = key[order]
    fib.exception_to = np.repeat(to[rows], count)[order]
    return found


def _is_leaf(model: NodeModel, family: int) -> bool:
    """Whether it never forwards from the tunnel into the tunnel, and routes by AllowedIPs."""
    facts = model.facts
    if model.effects.unjudged:
        return False
    if model.conf is None or not model.routing.plain or not model.installs_routes or facts.relay:
        return False
    if model.has_rules:
        forwards = family in model.firewall.families
    else:
        forwards = bool(facts.routes) or facts.exit_node
    return not forwards and not any(lan.is_host for lan in facts.lans)


def _routed(
    fib: Fib,
    peer: Ints,
    allowed: tuple[Ints, Ints, Lengths] | None,
    others: tuple[Prefix, ...],
    lans: tuple[Prefix, ...],
) -> Ints:
    """What the kernel does with each atom: its longest route, connected networks first."""
    best = np.full(len(peer), -1, np.int32)
    if allowed is not None:
        paint(best, *allowed)
    for prefix in others:
        part = fib.atoms(prefix)
        span = best[part.start : part.stop]
        np.maximum(span, prefix.length, out=span)
    routed: Ints = np.where(best < 0, UPLINK, peer).astype(np.int32)
    for prefix in lans:
        part = fib.atoms(prefix)
        wins = best[part.start : part.stop] <= prefix.length
        routed[part.start : part.stop][wins] = LAN
    return routed


def _prefixes(fib: Fib, table: MeshPeerTable, numbers: Ints) -> tuple[Prefix, ...]:
    every = (p for k in numbers.tolist() for p in table.allowed_sets[k])
    return tuple(dict.fromkeys(p for p in every if p.family == fib.family))


def _looked_up(fib: Fib, model: NodeModel, peer: Ints, allowed: tuple[Prefix, ...]) -> Ints:
    """What rules and tables find for each atom, one by one: they are rare."""
    row = peer.copy()
    for atom in range(len(peer)):
        query = RouteQuery(fib.family, 0, fib.first(atom))
        row[atom] = routed_by(model, query, allowed, int(peer[atom]))
    return row


def routed_by(model: NodeModel, query: RouteQuery, allowed: tuple[Prefix, ...], peer: int) -> int:
    """A node with rules or tables: `peer` is whose AllowedIPs the target is in."""
    kind, _ = model.routing.way(query, allowed, model.connected, model.facts.lans)
    return {RouteKind.LAN: LAN, RouteKind.UPLINK: UPLINK}.get(kind, peer)


def _mirror(fib: Fib, models: tuple[NodeModel, ...]) -> None:
    """Rows of nodes without a file: back along the way that packets take to them, and to the exit
    that they use."""
    numbers = {model.name: n for n, model in enumerate(models)}
    for n, model in enumerate(models):
        if model.conf is not None:
            continue
        row = fib.row_of[n]
        lan = fib.route[row] == LAN
        whose = np.where(fib.owner >= 0, fib.owner, fib.behind)
        found = np.full(len(models), NO_PEER, np.int32)
        home = int(fib.home[n])
        if home >= 0:
            here = np.arange(len(models), dtype=np.int32)
            for _ in range(DEEPEST):
                there = fib.peer[fib.row_of[here], home]
                arrived = (there == n) & (found < 0)
                found[arrived] = here[arrived]
                live = there >= 0
                live[n] = False
                moved = np.where(live & (found < 0), there, here)
                if bool((moved == here).all()):
                    break
                here = moved
        beyond = numbers.get(model.facts.exit or "", UPLINK)
        row_values = np.where(whose >= 0, found[whose], beyond).astype(np.int32)
        row_values[whose == n] = NO_PEER
        row_values[lan] = LAN
        fib.route[row] = row_values


def _rule_classes(fib: Fib, prefixes: set[Prefix]) -> Ints:
    """Equal numbers for atoms that no firewall rule tells apart."""
    member = np.zeros((len(prefixes), len(fib.owner)), bool)
    for i, prefix in enumerate(sorted(prefixes)):
        part = fib.atoms(prefix)
        member[i, part.start : part.stop] = True
    if not len(prefixes):
        return np.zeros(len(fib.owner), np.int32)
    _, inverse = np.unique(np.packbits(member, axis=0), axis=1, return_inverse=True)
    return inverse.reshape(-1).astype(np.int32)


def reached(fib: Fib, nodes: Ints, atoms: Ints) -> Bools:
    """Whether each atom is an address of the node beside it."""
    own: Bools = fib.owner[atoms] == nodes
    for atom, owners in fib.shared.items():
        own |= (atoms == atom) & np.isin(nodes, np.fromiter(owners, np.int32))
    return own

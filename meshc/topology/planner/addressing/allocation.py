"""Addresses and ports for nodes that do not fix them: allocated once, then kept by the lock.

The result depends on names, on each node's home and on the lock, never on the order of
the file. What the lock holds is kept; addresses of removed nodes are not used again while the
pool has room, and then the longest gone goes first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from meshc.diagnostics import Diagnostics
from meshc.keys import PublicKey
from meshc.prefixes import BITS, Prefix
from meshc.topology.language.spec import NodeSpec, Spec
from meshc.topology.language.wording import listing, quote
from meshc.topology.planner.addressing.address_blocks import COMMON, NumberSpace
from meshc.topology.planner.addressing.listen_ports import allocate_ports
from meshc.topology.planner.addressing.lock_text import Lock, LockedNode
from meshc.topology.planner.links.mesh_graph import MeshGraph
from meshc.topology.planner.routing.leaf_homes import Addresses, leaf_homes
from meshc.values import dataclass, field


@dataclass(frozen=True, slots=True)
class Allocation:
    """The addresses (host prefixes, IPv4 first) and listen port of every node, sorted by name.

    A port of None means that the system picks one. `kept_ports` are those that the lock holds
    because meshc chose them.
    """

    addresses: Mapping[str, tuple[Prefix, ...]]
    ports: Mapping[str, int | None]
    kept_ports: Mapping[str, int]
    network: str = ""
    absent: frozenset[str] = frozenset()

    def new_lock(self, lock: Lock, public_keys: Mapping[str, PublicKey], secret: str = "") -> Lock:
        """The lock after this build: live nodes, and the addresses of those that left. `secret` is
        the fingerprint of the network's secret."""
        live = {prefix for prefixes in self.addresses.values() for prefix in prefixes}
        nodes = {
            name: LockedNode(prefixes, self.kept_ports.get(name), public_keys.get(name))
            for name, prefixes in self.addresses.items()
        }
        for name in sorted(self.absent & lock.nodes.keys()):
            kept = lock.nodes[name]
            own = tuple(prefix for prefix in kept.addresses if prefix not in live)
            nodes[name] = replace(kept, addresses=own)
        counter = max((node.removed for node in lock.removed.values()), default=0)
        gone: dict[str, LockedNode] = {}
        for name in sorted({*lock.removed, *lock.nodes}):
            if name in nodes:
                continue
            old = lock.nodes.get(name) or lock.removed[name]
            if name in lock.nodes:
                counter += 1
            left = tuple(prefix for prefix in old.addresses if prefix not in live)
            if left:
                order = counter if name in lock.nodes else old.removed
                gone[name] = LockedNode(left, None, None, order)
        network = self.network or lock.network
        nodes = dict(sorted(nodes.items()))
        return Lock(network, lock.epoch, nodes, gone, lock.revoked, secret or lock.fingerprint)


def allocate(spec: Spec, graph: MeshGraph, lock: Lock, diagnostics: Diagnostics) -> Allocation:
    """Gives every node one address per family of the pools, and ports where they must be fixed."""
    book = _Book(spec, diagnostics)
    book.take_fixed(spec.nodes)
    book.take_locked(spec.nodes, lock)
    kept = {name: tuple(sorted(of.values())) for name, of in book.of.items()}
    _fill(book, spec, groups_of(graph, kept))
    ports, kept_ports = allocate_ports(spec, lock, diagnostics)
    addresses = {name: tuple(sorted(book.of[name].values())) for name in sorted(spec.nodes)}
    return Allocation(addresses, ports, kept_ports, spec.network.name, spec.absent)


def groups_of(graph: MeshGraph, addresses: Addresses) -> dict[str, str]:
    """The leaves that others reach through one relay, whoever asks: home and half by name. Those
    without an address go by their names."""
    homes = leaf_homes(graph, addresses)
    named = {name: home for name, home in zip(graph.names, homes, strict=True) if home}
    if len({home.relay for home in named.values()}) < 2:
        return {}  # one relay lists every leaf singly: no block would shorten anything
    return {name: f"{home.relay} {home.half}" for name, home in named.items()}


def reserved(pool: Prefix, value: int) -> str:
    """What an address is that no node can have: '', or the reason in a few words.

    IPv4: RFC 1122 section 3.2.1.3, with RFC 3021 for /31. IPv6: the subnet-router anycast
    address, RFC 4291 section 2.6.1, with RFC 6164 for /127.
    """
    if BITS[pool.family] - pool.length < 2:
        return ""
    if value == pool.value:
        return "network address" if pool.family == 4 else "subnet-router anycast address"
    if pool.family == 4 and value == pool.last:
        return "broadcast address"
    return ""


@dataclass(slots=True)
class _Book:
    """What is taken: `of` maps node -> family -> address, `owner` maps address -> node."""

    spec: Spec
    diagnostics: Diagnostics
    of: dict[str, dict[int, Prefix]] = field(default_factory=lambda: defaultdict(dict))
    owner: dict[Prefix, str] = field(default_factory=dict)
    resting: dict[Prefix, int] = field(default_factory=dict)
    outside: dict[int, list[Prefix]] = field(default_factory=lambda: defaultdict(list))
    movers: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))

    def pool_of(self, address: Prefix) -> Prefix | None:
        return next((p for p in self.spec.network.pools if p.contains(address)), None)

    def give(self, name: str, address: Prefix) -> None:
        self.of[name][address.family] = address
        self.owner[address] = name
        self.resting.pop(address, None)

    def take_fixed(self, nodes: Mapping[str, NodeSpec]) -> None:
        """The addresses of the file; `checks.addresses` reports what is wrong with them."""
        for name in sorted(nodes):
            for address in nodes[name].addresses:
                self.owner.setdefault(address, name)
                self.of[name].setdefault(address.family, address)

    def take_locked(self, nodes: Mapping[str, NodeSpec], lock: Lock) -> None:
        for name in sorted(nodes):
            entry = lock.nodes.get(name) or lock.removed.get(name)
            for address in entry.addresses if entry else ():
                if address.family not in self.of[name]:
                    self._keep(name, address)
        self._report_outside()
        for name in sorted(self.spec.absent):
            for address in lock.nodes[name].addresses if name in lock.nodes else ():
                self.owner.setdefault(address, name)
        gone = {**lock.removed, **{n: v for n, v in lock.nodes.items() if n not in nodes}}
        for name, entry in gone.items():
            if name not in nodes:
                order = entry.removed or 1 << 62
                self.resting.update({a: order for a in entry.addresses if a not in self.owner})

    def _keep(self, name: str, address: Prefix) -> None:
        pool = self.pool_of(address)
        other = self.owner.get(address)
        if pool is None or reserved(pool, address.value):
            self.outside[address.family].append(address)
            self.movers[address.family].append(name)
        elif other is None:
            self.give(name, address)
        else:
            self.diagnostics.add(
                "E304",
                f"{other} fixes the address {address.address}, which the lock keeps for {name}",
                self.spec.nodes[other].at("address"),
                path=f"nodes.{other}.address",
                hint=f"choose a free address for {other}, or fix another one for {name}.",
            )

    def _report_outside(self) -> None:
        """Once a family: moving a pool moves everybody."""
        for family, names in sorted(self.movers.items()):
            first = self.outside[family][0].address
            told = listing([f"{names[0]} ({first})", *names[1:]])
            then = "a new address" if len(names) == 1 else "new addresses"
            if not any(pool.family == family for pool in self.spec.network.pools):
                then = f"no IPv{family} address, because the network has no such pool"
            self.diagnostics.add(
                "W303",
                f"outside of the pools now: {told}; {'it gets' if len(names) == 1 else 'they get'} "
                f"{then}",
                self.spec.nodes[names[0]].at(),
                path=f"nodes.{names[0]}",
                hint="put the old pool back into network.addresses to keep the addresses.",
            )

    def is_free(self, pools: Sequence[Prefix], number: int) -> bool:
        for pool in pools:
            value = pool.value + number
            if value > pool.last or reserved(pool, value):
                return False
            address = Prefix(pool.family, value, BITS[pool.family])
            if address in self.owner or address in self.resting:
                return False
        return True


def _fill(book: _Book, spec: Spec, groups: Mapping[str, str]) -> None:
    """Gives addresses to the nodes that lack one: relays first, then by name."""
    order = sorted(spec.nodes, key=lambda name: (not spec.nodes[name].is_relay, name))
    families = sorted({pool.family for pool in spec.network.pools})
    lacking = [n for n in order if any(f not in book.of[n] for f in families)]
    for round_ in range(len(spec.network.pools)):
        lacking = _fill_round(book, spec, groups, lacking, families, round_)
    for family in families:
        left = [name for name in lacking if not _recycle(book, name, family)]
        if left:
            _report_full(spec, left, family, book.diagnostics)


def _fill_round(
    book: _Book,
    spec: Spec,
    groups: Mapping[str, str],
    lacking: Sequence[str],
    families: Sequence[int],
    round_: int,
) -> list[str]:
    """Uses the round'th pool of each family; returns the nodes that still lack an address."""
    by_family = {f: [p for p in spec.network.pools if p.family == f] for f in families}
    pool_of = {f: pools[min(round_, len(pools) - 1)] for f, pools in by_family.items()}
    spaces: dict[tuple[int, ...], NumberSpace] = {}
    rest: list[str] = []
    for name in lacking:
        for missing in _together(book, name, families, pool_of):
            if missing not in spaces:
                spaces[missing] = _space(book, [pool_of[f] for f in missing], groups)
            number = _number(book, spaces[missing], spec.nodes[name], groups, pool_of, missing)
            for family in missing if number is not None else ():
                value = pool_of[family].value + (number or 0)
                book.give(name, Prefix(family, value, BITS[family]))
        if any(f not in book.of[name] for f in families):
            rest.append(name)
    return rest


def _together(
    book: _Book, name: str, families: Sequence[int], pool_of: Mapping[int, Prefix]
) -> list[tuple[int, ...]]:
    """The families that a node lacks, in groups that share a host number: both at once, unless
    the smaller pool is full, which is then seen family by family."""
    missing = tuple(f for f in families if f not in book.of[name])
    return [missing] if len(missing) < 2 else [missing, *((f,) for f in missing)]


def _number(
    book: _Book,
    space: NumberSpace,
    node: NodeSpec,
    groups: Mapping[str, str],
    pool_of: Mapping[int, Prefix],
    missing: tuple[int, ...],
) -> int | None:
    """A host number for a node: that of its other family if it is free, else by its relay."""
    if any(f in book.of[node.name] for f in missing):
        return None
    for family, address in book.of[node.name].items():
        pool = book.pool_of(address)
        if pool is not None and family not in missing:
            same = address.value - pool.value
            if book.is_free([pool_of[f] for f in missing], same):
                return same
    if node.is_relay:
        number = space.lowest()
        if number is not None:
            return number
    return space.take(groups.get(node.name, COMMON), node.name)


def _space(book: _Book, pools: Sequence[Prefix], groups: Mapping[str, str]) -> NumberSpace:
    """The numbers of these pools, knowing which groups already live where."""
    bits = min(BITS[pool.family] - pool.length for pool in pools)
    space = NumberSpace(bits, lambda number: book.is_free(pools, number))
    for address, name in sorted(book.owner.items()):
        if pools[0].contains(address):
            space.note(groups.get(name, COMMON), address.value - pools[0].value)
    return space


def _recycle(book: _Book, name: str, family: int) -> bool:
    """Takes the address of the node that has been gone for longest; False when there is none."""
    if family in book.of[name]:
        return True
    old = sorted((order, a) for a, order in book.resting.items() if a.family == family)
    usable = (a for _, a in old if book.pool_of(a) is not None)
    address = next(usable, None)
    if address is None:
        return False
    book.give(name, address)
    return True


def _report_full(spec: Spec, names: Sequence[str], family: int, diagnostics: Diagnostics) -> None:
    pools = " ".join(str(p) for p in spec.network.pools if p.family == family)
    diagnostics.add(
        "E305",
        f"no IPv{family} address is left for {listing([quote(name) for name in names])} in {pools}",
        spec.nodes[names[0]].at(),
        path=f"nodes.{names[0]}",
        hint="add a pool to network.addresses, or make the pool larger.",
    )

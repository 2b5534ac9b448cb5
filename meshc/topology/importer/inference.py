"""What a set of wg-quick files says about its network, and what is wrong with them.

Nodes are public keys: a file's own key, and the keys of its peers. What others say about a node
(name, endpoint, prefixes) and what its own file says are brought together; the topology that
explains most of it is the result, and everything that does not fit is a finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from meshc.diagnostics import Diagnostics, Location
from meshc.keys import PresharedKey, PublicKey
from meshc.prefixes import Prefix, collapse, without
from meshc.topology.importer.exit_use import NO_EXIT, ExitUse, exit_use, exit_users
from meshc.topology.importer.file_faults import find_faults
from meshc.topology.importer.foreign_hooks import ForeignHooks, foreign_hooks
from meshc.topology.importer.kept_links import (
    ImportedLink,
    direct_lists,
    kept_keys,
    pair_keepalive,
)
from meshc.topology.importer.kept_sessions import (
    asking,
    common_interval,
    most_common,
    usual_intervals,
)
from meshc.topology.importer.next_hops import NextHops
from meshc.topology.importer.node_names import node_names
from meshc.topology.importer.own_hooks import own_hooks
from meshc.topology.importer.partial_defaults import (
    WIDEST_PART,
    has_parts,
)
from meshc.topology.importer.seen_endpoints import SeenEndpoints, seen_endpoints
from meshc.topology.importer.sightings import (
    PeerPair,
    Seen,
    addresses_of,
    gather,
    pairs,
    spokes,
)
from meshc.values import dataclass, field
from meshc.wg.conf import Conf
from meshc.wg.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class ImportedNode:
    """One node as the new topology will have it. `conf` is None for a peer without a file;
    `direct` is None where the compiler finds the node's links by itself, `keepalive` where it is
    that of the network."""

    name: str
    public_key: PublicKey
    conf: Conf | None
    hooks: ForeignHooks | None = None
    addresses: tuple[Prefix, ...] = ()
    endpoints: SeenEndpoints = SeenEndpoints()
    relay: bool = False
    exit_node: bool = False
    exit_use: ExitUse = NO_EXIT
    routes: tuple[Prefix, ...] = ()
    via: tuple[str, ...] = ()
    direct: tuple[str, ...] | None = None
    keepalive: int | None = None
    may_sleep: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """The inferred network; `nodes` is sorted by name. `preshared` is the pre-shared keys that
    `links` name."""

    pools: tuple[Prefix, ...]
    nodes: Mapping[str, ImportedNode]
    links: tuple[ImportedLink, ...] = ()
    preshared: Mapping[str, PresharedKey] = field(default_factory=dict)
    preshared_keys: bool = False
    interface: str = "wg0"
    domain: str | None = None
    keepalive: int = 25


class _Evidence(NamedTuple):
    """What the nodes are made from. `next_hops` has every file, `exits` the users of an exit
    with its key, `owned` the LANs that meshc's own hooks name, `usual` the interval that a node
    has most often, `asked` those who keep alive what needs none."""

    seen: Mapping[PublicKey, Seen]
    names: Mapping[PublicKey, str]
    addresses: Mapping[PublicKey, tuple[Prefix, ...]]
    pools: tuple[Prefix, ...]
    endpoints: Mapping[PublicKey, SeenEndpoints]
    next_hops: Mapping[PublicKey, NextHops]
    exits: Mapping[PublicKey, PublicKey]
    owned: Mapping[PublicKey, tuple[Prefix, ...]]
    usual: Mapping[PublicKey, int]
    asked: frozenset[PublicKey]


def infer(confs: Sequence[Conf], diagnostics: Diagnostics) -> Imported | None:
    """None when there is nothing to infer from; findings go to `diagnostics`."""
    seen = gather(confs, diagnostics)
    if not seen or any(found.code == "E901" for found in diagnostics):
        return None
    names = node_names(
        {k: (s.conf, [(v.conf, v.peer) for v in s.sightings]) for k, s in seen.items()}
    )
    addresses = {key: addresses_of(entry) for key, entry in seen.items()}
    links = list(pairs(seen))
    endpoints = _with_stand_ins(seen, names, seen_endpoints(seen, links), diagnostics)
    usual = usual_intervals(seen, links, endpoints)
    evidence = _Evidence(
        seen,
        names,
        addresses,
        _pools(seen, addresses),
        endpoints,
        {key: NextHops(entry.conf) for key, entry in seen.items() if entry.conf is not None},
        exit_users(seen),
        {key: own_hooks(entry.conf).lans for key, entry in seen.items() if entry.conf},
        usual,
        frozenset(asking(links, endpoints)),
    )
    relays = _relays(evidence)
    direct = direct_lists(links, evidence.endpoints, relays)
    keepalive = common_interval(usual, links)
    made = {key: _node(key, evidence, relays, direct, keepalive, links) for key in seen}
    nodes = _with_exits(made, evidence)
    find_faults(seen, names, diagnostics)
    _apps(nodes.values(), diagnostics)
    given = kept_keys(links, seen, names, diagnostics)
    ours = [pair for pair in links if seen[pair.a].conf and seen[pair.b].conf]
    return Imported(
        pools=evidence.pools,
        nodes=dict(sorted(nodes.items())),
        links=_links(links, evidence, given),
        preshared=dict(sorted(given.values())),
        preshared_keys=bool(ours) and all(pair[:2] in given for pair in ours),
        interface=_interface(seen),
        domain=_domain(seen),
        keepalive=keepalive,
    )


def _links(
    links: Sequence[PeerPair],
    evidence: _Evidence,
    given: Mapping[tuple[PublicKey, PublicKey], tuple[str, PresharedKey]],
) -> tuple[ImportedLink, ...]:
    result = []
    for pair in links:
        a, b = sorted((evidence.names[pair.a], evidence.names[pair.b]))
        name, _ = given.get(pair[:2], (None, None))
        interval = pair_keepalive(pair, evidence.usual)
        if name is not None or interval is not None:
            result.append(ImportedLink(a, b, name, interval))
    return tuple(sorted(result))


def _pools(
    seen: Mapping[PublicKey, Seen], addresses: Mapping[PublicKey, tuple[Prefix, ...]]
) -> tuple[Prefix, ...]:
    """The prefixes that hold the addresses: from Address lengths and catch-alls, widest first."""
    hosts = {p for found in addresses.values() for p in found}
    candidates = {
        a.network
        for s in seen.values()
        if s.conf
        for a in s.conf.addresses
        if a.host.length != a.length
    } | {
        p
        for s in seen.values()
        for one in s.sightings
        if not has_parts(one.peer)
        for p in one.peer.allowed_ips
    }
    pools = [
        c
        for c in sorted(candidates, key=lambda p: p.length)
        if c.length > WIDEST_PART and not c.is_host and sum(c.contains(h) for h in hosts) > 1
    ]
    chosen: list[Prefix] = []
    for pool in pools:
        if not any(one.contains(pool) for one in chosen):
            chosen.append(pool)
    rest = [h for h in hosts if not any(pool.contains(h) for pool in chosen)]
    for family, length in ((4, 24), (6, 64)):
        chosen += {Prefix.parse(f"{h.address}/{length}") for h in rest if h.family == family}
    return collapse(chosen)


def _relays(evidence: _Evidence) -> set[PublicKey]:
    """Those to whom somebody sends what is for others."""
    owner = {host: key for key, found in evidence.addresses.items() for host in found}
    relays = set()
    for viewer, hops in evidence.next_hops.items():
        for host, key in owner.items():
            hop = hops.of(host) if key != viewer else None
            if hop is not None and hop not in (key, viewer):
                relays.add(hop)
    for key, entry in evidence.seen.items():
        if len(spokes(entry, evidence.seen)) > 1 or own_hooks(entry.conf or Conf()).relay:
            relays.add(key)
        # a catch-all is for others, also where nobody else is known yet
        sections = (one.peer for one in entry.sightings if not has_parts(one.peer))
        given = {p for peer in sections for p in peer.allowed_ips if p.length > 0}
        if any(not p.is_host and any(q.contains(p) for q in evidence.pools) for p in given):
            relays.add(key)
    return relays


def _with_stand_ins(
    seen: Mapping[PublicKey, Seen],
    names: Mapping[PublicKey, str],
    endpoints: dict[PublicKey, SeenEndpoints],
    diagnostics: Diagnostics,
) -> dict[PublicKey, SeenEndpoints]:
    """An endpoint for those who are called, and nobody said where."""
    for key, entry in seen.items():
        conf = entry.conf
        if conf is None or not conf.listen_port or endpoints[key].public or endpoints[key].lan:
            continue
        if spokes(entry, seen) and not any(peer.endpoint for peer in conf.peers):
            # RFC 2606 section 2: a name that no server will ever answer for
            stand_in = Endpoint(f"{names[key]}.invalid".lower(), conf.listen_port)
            endpoints[key] = SeenEndpoints(public=(stand_in,))
            diagnostics.add(
                "W907",
                f"no file says where {names[key]} is reached; {stand_in.host} stands for it",
                Location(conf.file, 1, 1),
                hint=f"write the real one: endpoint of {names[key]}",
            )
    return endpoints


def _node(
    key: PublicKey,
    evidence: _Evidence,
    relays: set[PublicKey],
    direct: Mapping[PublicKey, set[PublicKey]],
    keepalive: int,
    links: Sequence[PeerPair],
) -> ImportedNode:
    seen, names = evidence.seen[key], evidence.names
    hooks = foreign_hooks(seen.conf) if seen.conf else None
    serves = own_hooks(seen.conf or Conf()).exit or bool(hooks and hooks.to_internet)
    usual = evidence.usual.get(key, keepalive)
    return ImportedNode(
        name=names[key],
        public_key=key,
        conf=seen.conf,
        hooks=hooks,
        addresses=evidence.addresses[key],
        endpoints=evidence.endpoints[key],
        relay=key in relays,
        exit_node=serves or key in evidence.exits.values(),
        routes=_routes(key, evidence),
        via=_via(key, evidence, relays, links),
        direct=tuple(sorted(names[peer] for peer in direct[key])) if key in direct else None,
        keepalive=None if usual == keepalive and key not in evidence.asked else usual,
        may_sleep=any(one.peer.may_sleep for one in seen.sightings),
    )


def _routes(key: PublicKey, evidence: _Evidence) -> tuple[Prefix, ...]:
    """The LANs behind a node."""
    seen = evidence.seen[key]
    others = {p for one in seen.sightings if not has_parts(one.peer) for p in one.peer.allowed_ips}
    # what its own file sends on lies behind somebody else; what is wider than any LAN is an exit's
    onward = {p for peer in seen.conf.peers for p in peer.allowed_ips} if seen.conf else set()
    behind = without(
        (p for p in others - set(evidence.addresses[key]) if p.length > WIDEST_PART),
        (p for p in onward if p.length > WIDEST_PART),
    )
    # a default route sends on as well, and says of what it holds no word
    elsewhere = {p for other, owned in evidence.owned.items() if other != key for p in owned}
    lans = {*behind} - elsewhere | {*evidence.owned.get(key, ())}
    return tuple(p for p in sorted(lans) if not any(pool.overlaps(p) for pool in evidence.pools))


def _with_exits(
    nodes: Mapping[PublicKey, ImportedNode], evidence: _Evidence
) -> dict[str, ImportedNode]:
    """By name; what an exit's user leaves out is seen when all is known that the network has."""
    owned = (prefix for node in nodes.values() for prefix in (*node.addresses, *node.routes))
    mesh = {*evidence.pools, *owned}
    uses = {
        key: exit_use(key, evidence.exits, evidence.seen, evidence.names, mesh) for key in nodes
    }
    named = {
        peer.public_key: use.named
        for key, use in uses.items()
        if use.named and (conf := evidence.seen[key].conf)
        for peer in conf.peers
        if peer.endpoint and peer.endpoint.family is None
    }
    return {
        node.name: replace(
            node,
            exit_use=uses[key],
            endpoints=replace(node.endpoints, underlay=node.endpoints.underlay or named.get(key)),
        )
        for key, node in nodes.items()
    }


def _apps(nodes: Iterable[ImportedNode], diagnostics: Diagnostics) -> None:
    for node in nodes:
        if node.exit_use.app and node.conf is not None:
            diagnostics.add(
                "W909",
                f"{node.name} sends the endpoint of a peer into the tunnel: its list works only in "
                "an app that keeps its own packets out",
                Location(node.conf.file, 1, 1),
                hint=f"`platform: ios` stands for that; write the real one of {node.name}",
            )


def _via(
    key: PublicKey, evidence: _Evidence, relays: set[PublicKey], links: Sequence[PeerPair]
) -> tuple[str, ...]:
    """The one relay that carries all, where a node has several."""
    if key in relays or key not in evidence.next_hops:
        return ()
    mine = {pair.a if pair.b == key else pair.b for pair in links if key in pair[:2]}
    if len(mine & relays) < 2:
        return ()
    hops = evidence.next_hops[key]
    others = (
        host
        for peer, found in evidence.addresses.items()
        if peer != key and peer not in mine
        for host in found
    )
    used = hops.of_all(others) & relays
    return (evidence.names[used.pop()],) if len(used) == 1 else ()


def _interface(seen: Mapping[PublicKey, Seen]) -> str:
    """What most files are called that are called like an interface."""
    stems = [
        entry.conf.file.replace("\\", "/").rpartition("/")[2].removesuffix(".conf")
        for entry in seen.values()
        if entry.conf is not None
    ]
    return most_common([one for one in stems if re.fullmatch(r"(wg|tun|utun)\d+", one)], "wg0")


def _domain(seen: Mapping[PublicKey, Seen]) -> str | None:
    """What all names end in, where all files have one."""
    names = [entry.conf.name for entry in seen.values() if entry.conf is not None]
    found = {name.partition(".")[2] for name in names}
    return found.pop() or None if len(found) == 1 else None

"""What a set of wg-quick files says about its network, and what is wrong with them.

Nodes are public keys: a file's own key, and the keys of its peers. What others say about a node
(name, endpoint, prefixes) and what its own file says are brought together; the topology that
explains most of it is the result, and everything that does not fit is a finding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from meshc.diagnostics import Diagnostics, Location
from meshc.keys import PublicKey
from meshc.prefixes import Prefix, collapse
from meshc.topology.importer.node_names import node_names
from meshc.values import dataclass, field
from meshc.wg.conf import Conf, PeerConf
from meshc.wg.endpoint import Endpoint

_T = TypeVar("_T")
_D = TypeVar("_D")


@dataclass(frozen=True, slots=True)
class ImportedNode:
    """One node as the new topology will have it. `conf` is None for a peer without a file."""

    name: str
    public_key: PublicKey
    conf: Conf | None
    addresses: tuple[Prefix, ...] = ()
    endpoint: Endpoint | None = None
    relay: bool = False
    exit_node: bool = False
    exit: str | None = None
    routes: tuple[Prefix, ...] = ()
    peers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Imported:
    """The inferred network; `nodes` is sorted by name."""

    pools: tuple[Prefix, ...]
    nodes: Mapping[str, ImportedNode]
    interface: str = "wg0"
    keepalive: int = 25
    dns: tuple[str, ...] = ()
    preshared: bool = False


@dataclass(slots=True)
class _Seen:
    """What all files together say about one public key."""

    conf: Conf | None = None
    peers: list[tuple[Conf, PeerConf]] = field(default_factory=list)


def infer(confs: Sequence[Conf], diagnostics: Diagnostics) -> Imported | None:
    """None when there is nothing to infer from; findings go to `diagnostics`."""
    seen = _gather(confs, diagnostics)
    if diagnostics.has_errors:
        return None
    names = node_names({key: (s.conf, s.peers) for key, s in seen.items()})
    addresses = {key: _addresses(s) for key, s in seen.items()}
    pools = _pools(seen, addresses)
    nodes = {names[key]: _node(key, s, names, addresses, pools) for key, s in sorted(seen.items())}
    _lint(seen, names, diagnostics)
    result = Imported(
        pools=pools,
        nodes=dict(sorted(_owners_of_routes(nodes).items())),
        keepalive=_keepalive(seen),
        dns=_most_common([conf.dns for conf in confs if conf.dns], ()),
        preshared=any(p.preshared_key for s in seen.values() for _, p in s.peers),
    )
    return result


def _gather(confs: Sequence[Conf], diagnostics: Diagnostics) -> dict[PublicKey, _Seen]:
    seen: dict[PublicKey, _Seen] = {}
    for conf in confs:
        place = Location(conf.file, 1, 1)
        if conf.private_key is None:
            diagnostics.add(
                "E900",
                "no PrivateKey, so nobody can tell which node this file belongs to",
                place,
                hint="import the file as it lies on its node",
            )
            continue
        own = seen.setdefault(conf.private_key.public_key(), _Seen())
        if own.conf is not None:
            diagnostics.add(
                "E901",
                f"the same private key as {own.conf.file}",
                place,
                hint="every node has a key of its own; import one of the two",
            )
        own.conf = conf
    for conf in confs:
        for peer in conf.peers:
            seen.setdefault(peer.public_key, _Seen()).peers.append((conf, peer))
    return seen


def _addresses(seen: _Seen) -> tuple[Prefix, ...]:
    """Its own Address lines; for a peer without a file the host prefixes that others give it."""
    if seen.conf is not None:
        return tuple(sorted({address.host for address in seen.conf.addresses}))
    hosts = {p for _, peer in seen.peers for p in peer.allowed_ips if p.is_host}
    by_family = {p.family: p for p in sorted(hosts, reverse=True)}
    return tuple(by_family[family] for family in sorted(by_family))


def _pools(
    seen: Mapping[PublicKey, _Seen], addresses: Mapping[PublicKey, tuple[Prefix, ...]]
) -> tuple[Prefix, ...]:
    """The prefixes that hold the addresses: from Address lengths and catch-alls, widest first."""
    hosts = {p for found in addresses.values() for p in found}
    candidates = {
        a.network
        for s in seen.values()
        if s.conf
        for a in s.conf.addresses
        if a.host.length != a.length
    } | {p for s in seen.values() for _, peer in s.peers for p in peer.allowed_ips}
    pools = [
        c
        for c in sorted(candidates, key=lambda p: p.length)
        if c.length and not c.is_host and sum(c.contains(h) for h in hosts) > 1
    ]
    chosen: list[Prefix] = []
    for pool in pools:
        if not any(one.contains(pool) for one in chosen):
            chosen.append(pool)
    rest = [h for h in hosts if not any(pool.contains(h) for pool in chosen)]
    for family, length in ((4, 24), (6, 64)):
        chosen += {Prefix.parse(f"{h.address}/{length}") for h in rest if h.family == family}
    return collapse(chosen)


def _node(
    key: PublicKey,
    seen: _Seen,
    names: Mapping[PublicKey, str],
    addresses: Mapping[PublicKey, tuple[Prefix, ...]],
    pools: tuple[Prefix, ...],
) -> ImportedNode:
    others = {p for _, peer in seen.peers for p in peer.allowed_ips} - set(addresses[key])
    outside = [p for p in others if p.length and not any(pool.overlaps(p) for pool in pools)]
    endpoints = [peer.endpoint for _, peer in seen.peers if peer.endpoint]
    exits = [
        names[peer.public_key]
        for peer in (seen.conf.peers if seen.conf else ())
        if any(p.length == 0 for p in peer.allowed_ips)
    ]
    return ImportedNode(
        name=names[key],
        public_key=key,
        conf=seen.conf,
        addresses=addresses[key],
        endpoint=_most_common(endpoints, None),
        relay=any(any(pool.contains(p) for pool in pools) or p.length == 0 for p in others),
        exit_node=any(p.length == 0 for p in others),
        exit=exits[0] if exits else None,
        routes=collapse(outside),
        peers=tuple(sorted(names[p.public_key] for p in (seen.conf.peers if seen.conf else ()))),
    )


def _owners_of_routes(nodes: Mapping[str, ImportedNode]) -> dict[str, ImportedNode]:
    """A relay is listed with the LANs behind others: a LAN belongs to the node that is no relay,
    if there is one."""
    leaves = {p for n in nodes.values() if not n.relay for p in n.routes}
    return {
        name: replace(node, routes=tuple(p for p in node.routes if p not in leaves))
        if node.relay
        else node
        for name, node in nodes.items()
    }


def _lint(
    seen: Mapping[PublicKey, _Seen], names: Mapping[PublicKey, str], diagnostics: Diagnostics
) -> None:
    """Faults of the files themselves; the new topology does not have them any more."""
    for key, entry in sorted(seen.items()):
        for conf, peer in entry.peers:
            place = Location(conf.file, peer.line, 1)
            for text in peer.host_bits:
                diagnostics.add(
                    "W902",
                    f"AllowedIPs {text} of peer {names[key]} has host bits set",
                    place,
                    hint=f"wg reads it as {Prefix.parse(text)}",
                )
            own = conf.private_key.public_key() if conf.private_key else None
            if entry.conf is not None and own is not None:
                mutual = any(p.public_key == own for p in entry.conf.peers)
                if not mutual:
                    diagnostics.add(
                        "W903",
                        f"{names[own]} lists {names[key]} as a peer, but not the other way round",
                        place,
                        hint="no handshake can succeed; the new files list both or neither",
                    )
    for entry in seen.values():
        if entry.conf is not None:
            _lint_conf(entry.conf, names, diagnostics)


def _lint_conf(conf: Conf, names: Mapping[PublicKey, str], diagnostics: Diagnostics) -> None:
    owner: dict[Prefix, PublicKey] = {}
    for peer in conf.peers:
        for prefix in peer.allowed_ips:
            first = owner.setdefault(prefix, peer.public_key)
            if first != peer.public_key:
                diagnostics.add(
                    "W904",
                    f"{prefix} is given to {names[first]} and to {names[peer.public_key]}",
                    Location(conf.file, peer.line, 1),
                    hint="WireGuard silently takes it from the first; a prefix has one peer",
                )


def _keepalive(seen: Mapping[PublicKey, _Seen]) -> int:
    values = [p.keepalive for s in seen.values() for _, p in s.peers if p.keepalive]
    return _most_common(values, 25)


def _most_common(values: Sequence[_T], default: _D) -> _T | _D:
    """The most frequent value, the smallest of equals; `default` when there is none."""
    if not values:
        return default
    count = Counter(values)
    return min(count, key=lambda value: (-count[value], str(value)))

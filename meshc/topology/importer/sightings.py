"""What all files together say about each public key: its own file, and how its peers see it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from meshc.diagnostics import Diagnostics, Location
from meshc.keys import PublicKey
from meshc.prefixes import Prefix
from meshc.values import dataclass, field
from meshc.wg.conf import Conf, PeerConf


class Sighting(NamedTuple):
    """One [Peer] section about a node. `viewer` is the node whose file `conf` is."""

    viewer: PublicKey
    conf: Conf
    peer: PeerConf


@dataclass(slots=True)
class Seen:
    """What all files together say about one public key."""

    conf: Conf | None = None
    sightings: list[Sighting] = field(default_factory=list)


class PeerPair(NamedTuple):
    """Two nodes that know each other, sorted by key: how each lists the other, None where it has
    no file."""

    a: PublicKey
    b: PublicKey
    of_b: PeerConf | None
    of_a: PeerConf | None

    @property
    def peers(self) -> tuple[PeerConf, ...]:
        return tuple(peer for peer in (self.of_b, self.of_a) if peer is not None)


def gather(confs: Sequence[Conf], diagnostics: Diagnostics) -> dict[PublicKey, Seen]:
    """Sorted by key. A file whose node nobody can tell is left out, and told."""
    seen: dict[PublicKey, Seen] = {}
    owners: list[tuple[PublicKey, Conf]] = []
    for conf in confs:
        key = conf.private_key.public_key() if conf.private_key else _key_by_address(conf, confs)
        if key is None:
            where = ", ".join(address.host.address for address in conf.addresses) or "its address"
            diagnostics.add(
                "E900",
                f"no PrivateKey, and no other file says which key has {where}: it is left out",
                Location(conf.file, 1, 1),
                hint="import the files of its peers as well, or one that holds its PrivateKey",
            )
            continue
        own = seen.setdefault(key, Seen())
        if own.conf is not None:
            diagnostics.add(
                "E901",
                f"the same private key as {own.conf.file}",
                Location(conf.file, 1, 1),
                hint="every node has a key of its own; import one of the two",
            )
        own.conf = conf
        owners.append((key, conf))
    for key, conf in owners:
        for peer in conf.peers:
            entry = seen.setdefault(peer.public_key, Seen())
            entry.sightings.append(Sighting(key, conf, peer))
    return dict(sorted(seen.items()))


def _key_by_address(conf: Conf, confs: Sequence[Conf]) -> PublicKey | None:
    """The one key to which other files give this file's addresses."""
    hosts = {address.host for address in conf.addresses}
    taken = {other.private_key.public_key() for other in confs if other.private_key}
    found = {
        peer.public_key
        for other in confs
        if other is not conf
        for peer in other.peers
        if hosts.intersection(peer.allowed_ips)
    } - taken
    return found.pop() if len(found) == 1 else None


def pairs(seen: Mapping[PublicKey, Seen]) -> Iterator[PeerPair]:
    """The pairs that can have a session: each lists the other, where it has a file."""
    listed = {
        (sighting.viewer, key): sighting.peer
        for key, entry in seen.items()
        for sighting in entry.sightings
    }
    for a, b in sorted({(min(pair), max(pair)) for pair in listed if pair[0] != pair[1]}):
        of_b, of_a = listed.get((a, b)), listed.get((b, a))
        if (of_b or seen[a].conf is None) and (of_a or seen[b].conf is None):
            yield PeerPair(a, b, of_b, of_a)


def addresses_of(seen: Seen) -> tuple[Prefix, ...]:
    """Its own Address lines; for a peer without a file the host prefixes that others give it."""
    if seen.conf is not None:
        return tuple(sorted({address.host for address in seen.conf.addresses}))
    hosts = {p for one in seen.sightings for p in one.peer.allowed_ips if p.is_host}
    by_family = {p.family: p for p in sorted(hosts, reverse=True)}
    return tuple(by_family[family] for family in sorted(by_family))


def spokes(entry: Seen, seen: Mapping[PublicKey, Seen]) -> list[PublicKey]:
    """The peers without file and endpoint: this node is all that they can call."""
    peers = entry.conf.peers if entry.conf else ()
    return [p.public_key for p in peers if not p.endpoint and seen[p.public_key].conf is None]

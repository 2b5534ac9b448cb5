"""The links of an imported network: which pairs have one, and what is particular about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from meshc.diagnostics import Diagnostics, Location
from meshc.keys import PresharedKey, PublicKey, fingerprint
from meshc.topology.importer.seen_endpoints import SeenEndpoints
from meshc.topology.importer.sightings import PeerPair, Seen


class ImportedLink(NamedTuple):
    """What `links:` says of a pair, by name. `preshared_key` names a key that is kept."""

    a: str
    b: str
    preshared_key: str | None
    keepalive: int | None


def kept_keys(
    links: Sequence[PeerPair],
    seen: Mapping[PublicKey, Seen],
    names: Mapping[PublicKey, str],
    diagnostics: Diagnostics,
) -> dict[tuple[PublicKey, PublicKey], tuple[str, PresharedKey]]:
    """The pre-shared key of each pair that has one, and the name that it is stored under."""
    found = {}
    for pair in links:
        given = [peer.preshared_key for peer in pair.peers if peer.preshared_key]
        if not given:
            continue
        if len(pair.peers) == 2 and pair.peers[0].preshared_key != pair.peers[1].preshared_key:
            conf = seen[pair.a].conf
            assert conf is not None
            diagnostics.add(
                "W905",
                f"{names[pair.a]} and {names[pair.b]} do not have the same pre-shared key",
                Location(conf.file, pair.peers[0].line, 1),
                hint="no handshake can succeed; the new files have that of this file",
            )
        a, b = sorted((names[pair.a], names[pair.b]))
        name = f"{a}.{b}"
        if len(name) > 63:
            name = f"{fingerprint(pair.a)[:16]}.{fingerprint(pair.b)[:16]}"
        found[pair[:2]] = name, given[0]
    return found


def direct_lists(
    links: Sequence[PeerPair],
    endpoints: Mapping[PublicKey, SeenEndpoints],
    relays: Iterable[PublicKey],
) -> dict[PublicKey, set[PublicKey]]:
    """The nodes that name their links, so that no other pair gets one; as few as it takes."""
    linked: dict[PublicKey, set[PublicKey]] = {key: set() for key in endpoints}
    for pair in links:
        linked[pair.a].add(pair.b)
        linked[pair.b].add(pair.a)
    keys, forwarding = sorted(endpoints), set(relays)
    surplus: dict[PublicKey, set[PublicKey]] = {}
    for i, a in enumerate(keys):
        for b in keys[i + 1 :]:
            if b not in linked[a] and _possible(endpoints[a], endpoints[b]):
                surplus.setdefault(a, set()).add(b)
                surplus.setdefault(b, set()).add(a)
    result: dict[PublicKey, set[PublicKey]] = {}
    # those with few links first: their lists are short
    for key in sorted(surplus, key=lambda k: (k in forwarding, len(linked[k]), k)):
        if linked[key] and surplus[key] - result.keys():
            result[key] = linked[key]
    return result


def _possible(a: SeenEndpoints, b: SeenEndpoints) -> bool:
    """Whether the compiler might link them by itself; too often is no harm."""
    near = a.site is not None and a.site == b.site and bool(a.lan or b.lan)
    return bool(a.public or b.public) or near


def pair_keepalive(pair: PeerPair, usual: Mapping[PublicKey, int]) -> int | None:
    """The interval of this very link, None when both have what they have everywhere."""
    for key, peer in ((pair.a, pair.of_b), (pair.b, pair.of_a)):
        if peer is not None and peer.keepalive and peer.keepalive != usual.get(key):
            return peer.keepalive
    return None

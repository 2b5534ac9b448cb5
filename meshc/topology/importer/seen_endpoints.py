"""The endpoints of imported nodes: which were written, which were only learned, and the LANs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from meshc.keys import PublicKey
from meshc.prefixes import Prefix
from meshc.topology.importer.sightings import PeerPair, Seen
from meshc.values import dataclass
from meshc.wg.conf import PeerConf
from meshc.wg.endpoint import Endpoint

# RFC 1918, RFC 4193, and the link-local addresses of RFC 3927 and RFC 4291
_PRIVATE = tuple(
    Prefix.parse(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    )
)


@dataclass(frozen=True, slots=True)
class SeenEndpoints:
    """Where a node is reached. `site` numbers the LAN that it shares with those who use
    `lan`. `fixed` says that only peers reach it to which it sends by itself. `underlay` is the one
    family that it uses, though others have more."""

    public: tuple[Endpoint, ...] = ()
    lan: Endpoint | None = None
    site: int | None = None
    fixed: bool = False
    underlay: int | None = None


def seen_endpoints(
    seen: Mapping[PublicKey, Seen], links: Sequence[PeerPair]
) -> dict[PublicKey, SeenEndpoints]:
    """For every key. An endpoint in a file with SaveConfig is where a packet came from last: it
    counts where the node's own file listens there."""
    mutual = {pair[:2] for pair in links}
    views = {key: _views(key, entry, mutual) for key, entry in seen.items()}
    lans: dict[PublicKey, Endpoint] = {}
    parent = {key: key for key in seen}
    for key, by_viewer in views.items():
        private = {v: e for v, e in by_viewer.items() if e is not None and is_private(e)}
        if private and len(private) < len(by_viewer):
            lans[key] = Counter(private.values()).most_common(1)[0][0]
            for viewer in private:
                parent[_root(parent, viewer)] = _root(parent, key)
    called: dict[PublicKey, set[int]] = {}
    for by_viewer in views.values():
        for viewer, end in by_viewer.items():
            if end is not None and end.family is not None and not is_private(end):
                called.setdefault(viewer, set()).add(end.family)
    roots = sorted({_root(parent, key) for key in lans})
    silent = frozenset(
        key
        for key, entry in seen.items()
        if entry.conf is not None and not any(peer.keepalive for peer in entry.conf.peers)
    )
    result = {}
    for key, by_viewer in views.items():
        written = [e for e in by_viewer.values() if e and not (key in lans and is_private(e))]
        count = Counter(written)
        # who calls others in another family could have used the other endpoint, and did not
        chosen = Counter(e for v, e in by_viewer.items() if len(called.get(v, ())) > 1)
        root = _root(parent, key)
        result[key] = SeenEndpoints(
            public=tuple(sorted(count, key=lambda e: (-chosen[e], -count[e], str(e)))),
            lan=lans.get(key),
            site=roots.index(root) + 1 if root in roots else None,
            fixed=_fixed(key, views, links, silent),
        )
    return {
        key: replace(ends, underlay=_underlay(key, views, result)) for key, ends in result.items()
    }


def _underlay(
    key: PublicKey,
    views: Mapping[PublicKey, Mapping[PublicKey, Endpoint | None]],
    endpoints: Mapping[PublicKey, SeenEndpoints],
) -> int | None:
    used = {peer: by_viewer.get(key) for peer, by_viewer in views.items()}
    families = {end.family for end in used.values() if end and end.family and not is_private(end)}
    if len(families) != 1:
        return None
    passed_over = any(
        end in endpoints[peer].public and end != endpoints[peer].public[0]
        for peer, end in used.items()
    )
    return families.pop() if passed_over else None


def is_private(endpoint: Endpoint) -> bool:
    if endpoint.family is None:
        return False
    host = Prefix.host(endpoint.host)
    return any(prefix.contains(host) for prefix in _PRIVATE)


def _views(
    key: PublicKey, entry: Seen, mutual: set[tuple[PublicKey, PublicKey]]
) -> dict[PublicKey, Endpoint | None]:
    """By viewer, of the files that have a session with it."""
    return {
        one.viewer: one.peer.endpoint if _counts(one.conf.save_config, one.peer, entry) else None
        for one in entry.sightings
        if (min(key, one.viewer), max(key, one.viewer)) in mutual
    }


def _counts(saved: bool, peer: PeerConf, entry: Seen) -> bool:
    if peer.endpoint is None:
        return False
    if entry.conf is None:
        # somebody whose prefixes are wider than its own address is not a client that roams
        return not saved or any(not prefix.is_host for prefix in peer.allowed_ips)
    if saved:
        return entry.conf.listen_port == peer.endpoint.port
    return entry.conf.listen_port is not None


def _fixed(
    key: PublicKey,
    views: Mapping[PublicKey, Mapping[PublicKey, Endpoint | None]],
    links: Sequence[PeerPair],
    silent: frozenset[PublicKey],
) -> bool:
    """Whether all who know its endpoint are called by it as well, and both keep sending, or would
    if they kept anything alive anywhere."""
    knowing = [v for v, e in views[key].items() if e is not None and not is_private(e)]
    if any(_open(viewer, views) for viewer in knowing):
        return False
    by_pair = {pair[:2]: pair for pair in links}
    for viewer in knowing:
        pair = by_pair[min(key, viewer), max(key, viewer)]
        if len(pair.peers) < 2 or not all(one.endpoint for one in pair.peers):
            return False
        sides = ((pair.a, pair.of_b), (pair.b, pair.of_a))
        keeping = [bool(one and one.keepalive) for _, one in sides]
        awake = zip(keeping, sides, strict=True)
        if not any(keeping) or not all(keeps or end in silent for keeps, (end, _) in awake):
            return False
    return bool(knowing) and len(knowing) < len(views[key])


def _open(key: PublicKey, views: Mapping[PublicKey, Mapping[PublicKey, Endpoint | None]]) -> bool:
    """Whether somebody calls it over the internet that it cannot call."""
    return any(
        end is not None and not is_private(end) and views[viewer].get(key) is None
        for viewer, end in views[key].items()
    )


def _root(parent: dict[PublicKey, PublicKey], key: PublicKey) -> PublicKey:
    while parent[key] != key:
        parent[key] = parent[parent[key]]
        key = parent[key]
    return key

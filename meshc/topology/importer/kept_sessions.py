"""The sessions that nodes keep alive: how often, and whether they have to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from meshc.keys import PublicKey
from meshc.topology.importer.seen_endpoints import SeenEndpoints
from meshc.topology.importer.sightings import PeerPair, Seen

_T = TypeVar("_T")
_D = TypeVar("_D")


def usual_intervals(
    seen: Mapping[PublicKey, Seen],
    links: Sequence[PeerPair],
    endpoints: Mapping[PublicKey, SeenEndpoints],
) -> dict[PublicKey, int]:
    """The keepalive of those whose file says one, or says that there is none where one would be
    needed for others to reach the node."""
    uncalled, found = _uncalled(links), {}
    for key, entry in seen.items():
        ends = endpoints[key]
        awaits = ends.fixed or not ends.public or key in uncalled
        interval = _interval(entry, awaits=awaits)
        if interval is not None:
            found[key] = interval
    return found


def asking(
    links: Sequence[PeerPair], endpoints: Mapping[PublicKey, SeenEndpoints]
) -> Iterator[PublicKey]:
    """Those who keep a session alive in which the other side could call as well."""
    for pair in links:
        if endpoints[pair.a].fixed and endpoints[pair.b].fixed:
            continue
        for key, ours, theirs in ((pair.a, pair.of_b, pair.of_a), (pair.b, pair.of_a, pair.of_b)):
            if ours and theirs and ours.endpoint and ours.keepalive and theirs.endpoint:
                yield key


def _uncalled(links: Sequence[PeerPair]) -> set[PublicKey]:
    """Those who call somebody that does not know where to call them."""
    found = set()
    for pair in links:
        for key, ours, theirs in ((pair.a, pair.of_b, pair.of_a), (pair.b, pair.of_a, pair.of_b)):
            if ours and theirs and ours.endpoint and not theirs.endpoint:
                found.add(key)
    return found


def _interval(seen: Seen, *, awaits: bool) -> int | None:
    """The keepalive that the node's file has most often; 0 when it has none and nobody can call
    the node, None when that says nothing."""
    if seen.conf is None:
        return None
    values = [peer.keepalive for peer in seen.conf.peers if peer.keepalive]
    calls = any(peer.endpoint for peer in seen.conf.peers)
    return most_common(values, 0 if awaits and calls else None)


def common_interval(usual: Mapping[PublicKey, int], links: Sequence[PeerPair]) -> int:
    """The network's: of those who keep alive only what needs it, because an interval of a node's
    own is for all that it calls; else of all."""
    resting = set()
    for pair in links:
        for key, ours, theirs in ((pair.a, pair.of_b, pair.of_a), (pair.b, pair.of_a, pair.of_b)):
            if ours and theirs and ours.endpoint and theirs.endpoint and not ours.keepalive:
                resting.add(key)
    some = [value for key, value in usual.items() if value and key in resting]
    return most_common(some or [value for value in usual.values() if value], 25)


def most_common(values: Sequence[_T], default: _D) -> _T | _D:
    """The most frequent value, the smallest of equals; `default` when there is none."""
    if not values:
        return default
    count = Counter(values)
    return min(count, key=lambda value: (-count[value], str(value)))

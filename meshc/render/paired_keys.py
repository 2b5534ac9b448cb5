"""Paired keys: a link's pre-shared key, derived for the first of its nodes and kept for the other.

In a full mesh every node has as many links as there are nodes, and takes the keys of those that
were rendered before it as the list in which they were left for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from meshc.keys import LinkKeys


class PairedKeys:
    """The keys of all links of a network, as base64."""

    def __init__(self, links: LinkKeys) -> None:
        self._links = links
        # by the node that they wait for: whose links, and their keys
        self._peers: defaultdict[str, list[str]] = defaultdict(list)
        self._keys: defaultdict[str, list[bytes]] = defaultdict(list)

    def of(
        self, node: str, public_key: bytes, peers: Sequence[str], public_keys: Sequence[bytes]
    ) -> list[bytes]:
        """The keys of a node's links, in the order of its peers. A node is asked for once."""
        names, made = self._peers.pop(node, []), self._keys.pop(node, [])
        at = len(names)
        if peers[:at] != names:
            made, at = [], 0  # in another order: both ends find the same key
        fresh = self._links.all_of(public_key, public_keys[at:])
        waiting, keys = self._peers, self._keys
        for name, key in zip(peers[at:], fresh, strict=True):
            if node < name:
                waiting[name].append(node)
                keys[name].append(key)
        return made + fresh

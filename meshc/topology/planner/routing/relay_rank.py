"""The order of relays where nothing else decides between two paths, from their names alone.

A stable hash, not the order of the file: reordering or adding nodes never moves traffic. All
nodes share it. Which relay carries a leaf is another question (see `home_relay`).
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from meshc.topology.language.spec import NodeSpec


@lru_cache(maxsize=1 << 16)
def stable_hash(*words: str) -> int:
    """64 bits that depend on the words and their order only."""
    text = "\0".join(words).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def via_penalty(node: NodeSpec, relay: NodeSpec) -> int:
    """0 for the first relay in `via` of the node, and more for each later or unlisted one."""
    if not relay.is_relay or not node.via:
        return 0
    return node.via.index(relay.name) if relay.name in node.via else len(node.via)


def global_rank(relay: NodeSpec) -> tuple[int, str]:
    """Sorts relays in the order that all nodes share."""
    return stable_hash("relay rank", relay.name), relay.name

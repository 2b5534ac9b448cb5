"""The control channel: how agents talk to each other, inside of tunnels alone.

Each node that takes part has a probe address, a link-local one made from its public key. It is on
no other peer than that node itself, wherever the node lives: so a relay is probed, and asked,
over the very session that would carry the traffic.
"""

from __future__ import annotations

import hashlib

from meshc.keys import PublicKey
from meshc.prefixes import Prefix

CONTROL_PORT = 51819
"""Of UDP, at both ends."""
LINK_LOCAL = Prefix(6, 0xFE80 << 112, 10)


def probe_address(key: PublicKey) -> Prefix:
    """The same wherever it is asked for."""
    digest = hashlib.blake2b(key.encode(), digest_size=8, person=b"meshc probe").digest()
    return Prefix(6, LINK_LOCAL.value | int.from_bytes(digest, "big"), 128)

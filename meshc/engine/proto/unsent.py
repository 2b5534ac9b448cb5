"""What could not be sent: it is taken off the counters again.

A peer's `tx_bytes` grows when a message is sealed, a run at a time; the sockets say later, and
rarely, that nothing left.
"""

from __future__ import annotations

from collections.abc import Mapping

from meshc.engine.proto.messages import COOKIE_REPLY
from meshc.engine.proto.peer import Peer
from meshc.engine.proto.udp_path import UdpPath


class Unsent:
    """Finds the peer behind an endpoint; the last one is kept, since failures come in runs."""

    def __init__(self, peers: Mapping[bytes, Peer]) -> None:
        self._peers = peers
        self._last: Peer | None = None

    def subtract(self, endpoint: UdpPath, data: memoryview) -> None:
        """Messages to `endpoint` did not leave; cookie replies were not counted."""
        if data[0] == COOKIE_REPLY:
            return
        peer = self._last
        if peer is None or peer.endpoint != endpoint or peer.public_key not in self._peers:
            peer = next((p for p in self._peers.values() if p.endpoint == endpoint), None)
        self._last = peer
        if peer is not None:
            peer.tx_bytes -= len(data)

"""Two nodes with a session, and everything that they sent."""

from __future__ import annotations

from meshc.engine.testing import Network, ipv4_packet
from meshc.keys import PresharedKey

A, B = "10.0.0.1", "10.0.0.2"


class EnginePair:
    """Two connected nodes and everything they sent: (time, who, message type, size)."""

    def __init__(self, *, keepalive: int = 0, psk: PresharedKey | None = None, **network) -> None:
        self.net = Network(**network)
        self.a = self.net.add("a", "192.0.2.1")
        self.b = self.net.add("b", "192.0.2.2")
        self.wire: list[tuple[float, str, int, int]] = []
        self.net.taps.append(
            lambda node, to, data: self.wire.append((self.net.now, node.name, data[0], len(data)))
        )
        self.net.peer(
            self.a,
            self.b,
            B + "/32",
            endpoint=self.b.outside,
            keepalive=keepalive,
            preshared_key=psk,
        )
        self.net.peer(self.b, self.a, A + "/32", endpoint=self.a.outside, preshared_key=psk)

    def ping(self, payload: bytes = b"ping") -> None:
        self.net.inject(self.a, ipv4_packet(A, B, payload))

    def pong(self, payload: bytes = b"pong") -> None:
        self.net.inject(self.b, ipv4_packet(B, A, payload))

    def connect(self) -> None:
        self.ping()
        self.net.run(0.1)
        assert self.b.delivered == [ipv4_packet(A, B, b"ping")], self.net.diagram()
        self.wire.clear()

    def kinds(self, name: str | None = None) -> list[int]:
        return [kind for _, who, kind, _ in self.wire if name in (None, who)]

    def events(self, node, cls):
        return [event for event in node.events if isinstance(event, cls)]

    def peer_of(self, node):
        (peer,) = node.device._sessions.peers.values()
        return peer

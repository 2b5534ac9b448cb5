"""One peer: who it is, where it is, its sessions, its timers, what waits for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from meshc.engine.proto.constants import MAX_STAGED_PACKETS
from meshc.engine.proto.cookie import CookieGenerator
from meshc.engine.proto.keypair import Keypairs
from meshc.engine.proto.noise import Handshake
from meshc.engine.proto.timers import TimerQueue, Timers
from meshc.engine.proto.udp_path import UdpPath


class Peer:
    """The state of one peer; only `Device` changes it.

    `staged` holds inner packets that wait for a session, oldest first; `last_handshake` is
    monotonic (None: never); `timers.interval` is the persistent keepalive.
    """

    __slots__ = (
        "attempts",
        "cookies",
        "endpoint",
        "handshake",
        "keypairs",
        "last_handshake",
        "public_key",
        "roamed",
        "rx_bytes",
        "sent_last_minute_handshake",
        "staged",
        "timers",
        "tx_bytes",
    )

    def __init__(self, public_key: bytes, queue: TimerQueue[Peer]) -> None:
        self.public_key = public_key
        self.endpoint: UdpPath | None = None
        self.handshake = Handshake(public_key)
        self.keypairs = Keypairs()
        self.cookies = CookieGenerator(public_key)
        self.timers: Timers[Peer] = Timers(self, queue)
        self.staged: deque[bytes] = deque()
        self.attempts = 0
        self.sent_last_minute_handshake = False
        self.last_handshake: float | None = None
        self.rx_bytes = 0
        self.tx_bytes = 0
        self.roamed = 0

    def stage(self, packets: Sequence[bytes]) -> int:
        """Queues packets, the oldest giving way; returns how many were pushed out."""
        staged = self.staged
        staged.extend(packets)
        excess = len(staged) - MAX_STAGED_PACKETS
        for _ in range(excess):
            staged.popleft()
        return max(excess, 0)

    def forget_source(self) -> None:
        """Our own address, or our way out, may have changed: let the kernel choose anew."""
        if self.endpoint is not None:
            self.endpoint = self.endpoint.without_source()

    def __repr__(self) -> str:
        return f"Peer({self.public_key[:4].hex()}…)"

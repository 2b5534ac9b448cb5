"""One session of the compiled loop, with plain sockets at both ends."""

from __future__ import annotations

import contextlib
import select
import socket
import struct

import meshc_native

from meshc.engine.io.clock import monotonic
from meshc.engine.io.mmsg import SLOT, Receiver
from meshc.engine.proto.keypair import Keypair


class LoopEnds:
    """A socket in the place of a TUN device, and one for messages, which two others send to."""

    def __init__(self) -> None:
        near, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.tun, self.receiver = near, Receiver()
        self.udp, self.friend, self.stranger = (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)
        )
        self.poll = select.epoll()
        for sock in (near, self.far, self.udp, self.friend, self.stranger):
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        for sock in (self.udp, self.friend, self.stranger):
            sock.bind(("127.0.0.1", 0))
        for sock in (near, self.udp):
            self.poll.register(sock.fileno(), select.EPOLLIN)

    def close(self) -> None:
        self.poll.close()
        for sock in (self.tun, self.far, self.udp, self.friend, self.stranger):
            sock.close()

    def lanes(self, ours: Keypair) -> tuple[meshc_native.OutLane, meshc_native.InLane]:
        """To and from the friend."""
        host, port = self.friend.getsockname()
        name = struct.pack("=H", socket.AF_INET) + port.to_bytes(2, "big") + socket.inet_aton(host)
        out = meshc_native.OutLane(ours.sealing, self.udp.fileno(), name + bytes(8), None)
        out.allowed = 1 << 16
        out.add(bytes((10, 0, 0, 1)))
        incoming = meshc_native.InLane(
            ours.opening,
            ours.local_index,
            (name + bytes(8)).ljust(28, b"\0"),
            b"",
            lambda source: source == b"\n\0\0\1",
        )
        return out, incoming

    def serve(self, ours: Keypair, slots: bytearray) -> tuple[int, list[bool]]:
        """Octets of the packet that was left, and which messages were."""
        out, incoming = self.lanes(ours)
        others, packets, messages = meshc_native.serve(
            self.poll.fileno(),
            monotonic(),
            1.0,
            False,
            (self.tun.fileno(), False, None),
            (1420, 2000, 64),
            memoryview(slots),
            bytearray(1 << 18),
            (self.receiver.arena.buffer, SLOT),
            self.receiver.places,
            [self.udp.fileno()],
            [out],
            [incoming],
        )
        assert (others, packets[1:], messages[2:]) == (([], others[1]), (0, None), (0, []))
        return packets[0], messages[1] or [False] * messages[0]


def received(sock: socket.socket) -> list[bytes]:
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(sock.recv(1 << 17))
    return found

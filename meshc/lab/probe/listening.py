"""Listening: the ports at which a machine of the lab answers, opened when a probe asks for them.

Whoever holds a machine opens them, so that they stay open between jobs; a job asks through an
abstract socket of the machine's own network namespace. A connection gets the machine's greeting,
a datagram the same line back, from the address that it was sent to.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from meshc.errors import NodeError
from meshc.lab.world.jobs import Job

DOOR = "\0meshc-lab-ports"
# a port, and what speaks there: "tcp" or "udp"
Kind = tuple[str, int]
# <linux/in6.h>
_IPV6_RECVPKTINFO, _IPV6_PKTINFO = 49, 50
_PKTINFO = struct.Struct("16sI")

Add = Callable[[socket.socket, Callable[[socket.socket], None]], None]


class Listeners:
    """The listening sockets of one machine. `add` enters a socket into the loop that serves them,
    `greet` answers a TCP connection."""

    def __init__(self, name: str, add: Add, greet: Callable[[socket.socket], None]) -> None:
        self.name, self.add, self.greet = name, add, greet
        self.open_: set[Kind] = set()
        door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        door.bind(DOOR)
        door.listen(8)
        add(door, self._answer_request)

    def listen(self, kind: Kind) -> bool:
        """Whether this machine now answers there; somebody else may have the port."""
        if kind in self.open_:
            return True
        protocol, port = kind
        stream = protocol == "tcp"
        sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        try:
            sock.bind(("::", port))
            if stream:
                sock.listen(512)
        except OSError:
            sock.close()
            return False
        sock.setblocking(False)
        if not stream:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
        self.add(sock, self.greet if stream else self._echo)
        self.open_.add(kind)
        return True

    def _echo(self, sock: socket.socket) -> None:
        """Says who answers, from where it was asked: a machine has several addresses."""
        with contextlib.suppress(OSError):
            _, extra, _, peer = sock.recvmsg(2048, 256)
            told = [
                (level, kind, _PKTINFO.pack(value[:16], 0))
                for level, kind, value in extra
                if (level, kind) == (socket.IPPROTO_IPV6, _IPV6_PKTINFO)
            ]
            said = json.dumps({"name": self.name, "peer": peer[0].removeprefix("::ffff:")})
            sock.sendmsg([said.encode()], told, 0, peer)

    def _answer_request(self, door: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection, _ = door.accept()
            with connection:
                connection.settimeout(5.0)
                wanted = json.loads(connection.recv(1 << 20))
                taken = [kind for kind in wanted if not self.listen((kind[0], kind[1]))]
                connection.send(json.dumps(taken).encode())


@dataclass(frozen=True, slots=True)
class OpenPorts(Job[tuple[tuple[str, int], ...]]):
    """Has the machine listen on these ports; the answer is those that somebody else has."""

    kinds: tuple[tuple[str, int], ...]

    def run(self) -> tuple[tuple[str, int], ...]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
            sock.settimeout(20.0)
            try:
                sock.connect(DOOR)
                sock.send(json.dumps(self.kinds).encode())
                taken: Sequence[Sequence[object]] = json.loads(sock.recv(1 << 20))
            except (OSError, ValueError) as error:
                raise NodeError(f"nobody opens ports here: {error}") from None
        return tuple((str(protocol), int(str(port))) for protocol, port in taken)

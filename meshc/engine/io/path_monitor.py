"""The monitor of outer paths: news of routes and addresses, and whether a source still fits.

A peer is answered from the address by which it reached us, as long as what is sent from there
leaves by the interface on which the peer came in. The kernel's own WireGuard asks its routes so
for every packet (`send4` in `socket.c`); here the answer is good until a route, a rule or an
address changes.
"""

from __future__ import annotations

import errno
import logging
import socket
import struct

from meshc.engine.io.netlink import GETROUTE, KernelAnswers, attribute, attributes, drain
from meshc.engine.proto.udp_path import UdpPath

log = logging.getLogger(__name__)

# IPv4 routes that go with their interface are not announced: the interface is
_LINK = 0x1
_IPV4_ADDRESS, _IPV4_ROUTE, _IPV4_RULE = 0x10, 0x40, 0x80
_IPV6_ADDRESS, _IPV6_ROUTE = 0x100, 0x400
# RTNLGRP_IPV6_RULE is the 19th group
_IPV6_RULE = 1 << 18
_GROUPS = _LINK | _IPV4_ADDRESS | _IPV4_ROUTE | _IPV4_RULE
_GROUPS |= _IPV6_ADDRESS | _IPV6_ROUTE | _IPV6_RULE
_RTMSG = struct.Struct("=BBBBBBBBI")
_RTA_DST, _RTA_SRC, _RTA_OIF, _RTA_MARK = 1, 2, 4, 16
_RTA_IP_PROTO, _RTA_SPORT, _RTA_DPORT = 27, 28, 29
_U32, _PORT = struct.Struct("=I"), struct.Struct("!H")
_UDP = 17


class PathMonitor:
    """What the routes of the namespace say in which it was made."""

    def __init__(self) -> None:
        self._answers = KernelAnswers()
        self._sock = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
        )
        self._sock.bind((0, _GROUPS))

    def fileno(self) -> int:
        """The descriptor to watch."""
        return self._sock.fileno()

    def changed(self) -> bool:
        """Whether anything changed since the last call."""
        found, lost = drain(self._sock)
        return lost or bool(found)

    def keeps_source(self, path: UdpPath, port: int, mark: int) -> bool:
        """Whether what is sent from the path's source leaves by the path's interface."""
        try:
            return path.interface == self._way_out(path, port, mark)
        except OSError as error:
            # no way from there: the source is not (any more) ours, or has no route
            if error.errno == errno.EPERM:
                log.info("routes are not told: %s", error.strerror)
            return False

    def close(self) -> None:
        """Stop listening."""
        self._sock.close()
        self._answers.close()

    def _way_out(self, path: UdpPath, port: int, mark: int) -> int:
        """The index of the interface that a datagram leaves by. Raises OSError."""
        family = socket.AF_INET if path.family == 4 else socket.AF_INET6
        bits = 32 if path.family == 4 else 128
        question = _RTMSG.pack(family, bits, bits, 0, 0, 0, 0, 0, 0)
        question += attribute(_RTA_DST, socket.inet_pton(family, path.host))
        question += attribute(_RTA_SRC, socket.inet_pton(family, path.source))
        question += attribute(_RTA_IP_PROTO, bytes((_UDP,)))
        question += attribute(_RTA_SPORT, _PORT.pack(port))
        question += attribute(_RTA_DPORT, _PORT.pack(path.port))
        if mark:
            question += attribute(_RTA_MARK, _U32.pack(mark))
        if path.scope:
            question += attribute(_RTA_OIF, _U32.pack(path.scope))
        answer = attributes(self._answers.ask(GETROUTE, question)[_RTMSG.size :])
        way = answer.get(_RTA_OIF)
        return int(_U32.unpack(way)[0]) if way is not None else 0

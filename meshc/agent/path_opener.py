"""The path opener: a packet that gives our own NAT a mapping and is seen by nobody else.

It leaves from the port of the WireGuard device, and ends behind our own router: so that the mapping
is there before the other side calls. In IPv6 nothing is mapped.
"""

from __future__ import annotations

import contextlib
import socket
import struct

from meshc.wg.endpoint import Endpoint

_IPV4 = 4
_UDP = struct.Struct("!HHHH")  # RFC 768; a checksum of 0 is none


def open_path(to: Endpoint, hops: int, port: int, mark: int) -> None:
    """Like any packet it may be lost on its way, or have none; the attempt behind it then ends as
    if it had not been sent."""
    if to.family != _IPV4:
        return
    with contextlib.suppress(OSError), _raw_socket() as wire:
        wire.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)
        if mark:
            # what carries the tunnel's mark goes out beside it, also for the user of an exit
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        wire.sendto(_UDP.pack(port, to.port, _UDP.size, 0), (to.host, 0))


def _raw_socket() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_UDP)

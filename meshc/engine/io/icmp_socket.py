"""Sockets for ICMP errors, so that they come from an address of this host.

An error that is written to the TUN device arrives as if from outside, and Linux takes nothing
from there that has one of its own addresses as its source. A raw socket sends it as the kernel
would: from the address that leads to who asked, through the host's own rules.
"""

from __future__ import annotations

import logging
import socket
import struct

log = logging.getLogger(__name__)

_SOL_RAW, _ICMP_FILTER = 255, 1
_NOTHING_4, _NOTHING_6 = struct.pack("=I", 0xFFFFFFFF), b"\xff" * 32
_LINK_LOCAL = b"\xfe\x80"


class IcmpSocket:
    """Raw sockets of both families, of which only sending is used; they may be missing."""

    def __init__(self) -> None:
        self._sockets: dict[int, socket.socket] = {}
        for version, family, protocol, level, name, nothing in (
            (4, socket.AF_INET, socket.IPPROTO_ICMP, _SOL_RAW, _ICMP_FILTER, _NOTHING_4),
            (6, socket.AF_INET6, socket.IPPROTO_ICMPV6, socket.IPPROTO_ICMPV6, 1, _NOTHING_6),
        ):
            try:
                sock = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
            except OSError as error:
                log.info("no IPv%d errors from our own address: %s", version, error.strerror)
                continue
            # else every ICMP packet of the host would be queued here
            sock.setsockopt(level, name, nothing)
            self._sockets[version] = sock

    def send(self, packet: bytes) -> bool:
        """Send the ICMP message in an IP packet to the packet's destination; False if it could not
        be done, and the packet is still to be delivered."""
        version = packet[0] >> 4
        sock = self._sockets.get(version)
        if sock is None:
            return False
        family, address, body = (
            (socket.AF_INET, packet[16:20], packet[20:])
            if version == 4
            else (socket.AF_INET6, packet[24:40], packet[40:])
        )
        if address[:2] == _LINK_LOCAL:
            return False
        try:
            sock.sendto(body, (socket.inet_ntop(family, address), 0))
        except OSError as error:
            log.debug("an ICMP error was not sent: %s", error.strerror)
            return False
        return True

    def close(self) -> None:
        """Send no more."""
        for sock in self._sockets.values():
            sock.close()
        self._sockets = {}

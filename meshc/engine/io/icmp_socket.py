"""Sockets for ICMP errors, so that they come from an address of this host.

An error that is written to the TUN device arrives as if from outside, and Linux takes nothing
from there that has one of its own addresses as its source. A raw socket sends it as the kernel
would: from the address that leads to who asked, through the host's own rules, also where who asked
is behind our own NAT.
"""

from __future__ import annotations

import logging
import socket
import struct

from meshc.engine.io.nat_origin import NatOrigin

log = logging.getLogger(__name__)

_SOL_RAW, _ICMP_FILTER = 255, 1
_NOTHING_4, _NOTHING_6 = struct.pack("=I", 0xFFFFFFFF), b"\xff" * 32
_LINK_LOCAL = b"\xfe\x80"
_IP_PKTINFO = 8
# of a packet with an error: where what it quotes begins
_QUOTE = {4: 28, 6: 48}


class IcmpSocket:
    """Raw sockets of both families, of which only sending is used; they may be missing."""

    def __init__(self) -> None:
        self._sockets: dict[int, socket.socket] = {}
        self._origin: NatOrigin | None = None
        try:
            self._origin = NatOrigin()
        except OSError as error:
            log.info("conntrack is not asked: %s", error.strerror)
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
            own = self._from(packet[_QUOTE[version] :], version)
            sock.sendmsg([body], own, 0, (socket.inet_ntop(family, address), 0))
        except OSError as error:
            log.debug("an ICMP error was not sent: %s", error.strerror)
            return False
        return True

    def _from(self, quoted: bytes, version: int) -> list[tuple[int, int, bytes]]:
        """For `sendmsg`: our address towards who sent what is quoted, where our NAT hides it."""
        own = self._origin.own_address(quoted) if self._origin is not None else None
        if own is None:
            return []
        if version == 4:
            return [(socket.IPPROTO_IP, _IP_PKTINFO, struct.pack("=I4s4x", 0, own))]
        return [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, struct.pack("=16sI", own, 0))]

    def close(self) -> None:
        """Send no more."""
        if self._origin is not None:
            self._origin.close()
        for sock in self._sockets.values():
            sock.close()
        self._sockets = {}

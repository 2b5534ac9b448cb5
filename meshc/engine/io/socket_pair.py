"""The UDP sockets of both families on one port, as an engine wants them."""

from __future__ import annotations

import errno
import logging
import socket

log = logging.getLogger(__name__)

_SOL_UDP = 17
_UDP_GRO = 104
_IP_PKTINFO = 8
_IP_MTU_DISCOVER = 10
_IP_PMTUDISC_DONT = 0
_SO_MARK = 36
_SO_SNDBUFFORCE = 32
_SO_RCVBUFFORCE = 33
_BUFFER = 7 << 20


def bind_pair(port: int, mark: int) -> dict[int, socket.socket]:
    """One socket a family on the same port; a family that the host lacks is left out."""
    sockets: dict[int, socket.socket] = {}
    try:
        for family, kind in ((4, socket.AF_INET), (6, socket.AF_INET6)):
            try:
                sock = socket.socket(kind, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            except OSError as error:
                if error.errno != errno.EAFNOSUPPORT:
                    raise
                continue
            sockets[family] = sock
            if family == 6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            _set_options(sock, family, mark)
            try:
                sock.bind(("", port) if family == 4 else ("::", port))
            except OSError as error:
                # IPv6 may be compiled in and switched off (net.ipv6.conf.all.disable_ipv6).
                if error.errno != errno.EADDRNOTAVAIL or family == 4:
                    raise
                sockets.pop(family).close()
                continue
            port = sock.getsockname()[1]
    except OSError:
        for sock in sockets.values():
            sock.close()
        raise
    if not sockets:
        raise OSError(errno.EAFNOSUPPORT, "this host speaks neither IPv4 nor IPv6")
    return sockets


def _set_options(sock: socket.socket, family: int, mark: int) -> None:
    """Buffers, mark and what to tell about each datagram; none but the mark is essential."""
    for forced, plain in ((_SO_RCVBUFFORCE, socket.SO_RCVBUF), (_SO_SNDBUFFORCE, socket.SO_SNDBUF)):
        try:
            sock.setsockopt(socket.SOL_SOCKET, forced, _BUFFER)
        except OSError:
            sock.setsockopt(socket.SOL_SOCKET, plain, _BUFFER)
    if mark:
        sock.setsockopt(socket.SOL_SOCKET, _SO_MARK, mark)
    if family == 4:
        level, option = socket.IPPROTO_IP, _IP_PKTINFO
        # As the kernel's own: an outer packet may be cut on its way. Where ICMP is filtered,
        # nobody would tell us that it was too long.
        sock.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_DONT)
    else:
        level, option = socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO
    for name, where, what in (("sticky source", level, option), ("UDP GRO", _SOL_UDP, _UDP_GRO)):
        try:
            sock.setsockopt(where, what, 1)
        except OSError as error:
            log.info("no %s on the IPv%d socket: %s", name, family, error.strerror)

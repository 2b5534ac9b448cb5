"""What the kernel says about our interface: up, down, MTU, gone. rtnetlink(7), by hand.

Three fields of one message type do not justify the memory of a netlink library in a process
that is to stay small.
"""

from __future__ import annotations

import errno
import fcntl
import socket
import struct
from typing import NamedTuple

_RTMGRP_LINK = 1
_NEWLINK, _DELLINK = 16, 17
_NLMSG = struct.Struct("=IHHII")
_IFINFO = struct.Struct("=BxHiII")
_ATTRIBUTE = struct.Struct("=HH")
_IFLA_MTU = 4
_IFF_UP = 1
_SIOCGIFFLAGS, _SIOCGIFMTU, _SIOCSIFMTU, _SIOCSIFTXQLEN = 0x8913, 0x8921, 0x8922, 0x8943
_IFREQ_SHORT = struct.Struct("16sH22x")
_IFREQ_INT = struct.Struct("16si20x")


class LinkState(NamedTuple):
    """An interface as it is now; `gone` once it was deleted."""

    up: bool
    mtu: int
    gone: bool = False


def link_state(name: str) -> LinkState:
    """Ask for the state of the interface `name`. Raises OSError."""
    encoded = name.encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        flags = fcntl.ioctl(sock, _SIOCGIFFLAGS, _IFREQ_SHORT.pack(encoded, 0))
        mtu = fcntl.ioctl(sock, _SIOCGIFMTU, _IFREQ_INT.pack(encoded, 0))
    up = bool(_IFREQ_SHORT.unpack(flags)[1] & _IFF_UP)
    return LinkState(up, _IFREQ_INT.unpack(mtu)[1])


def set_mtu(name: str, mtu: int) -> None:
    """Set the MTU of the interface `name`. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, _SIOCSIFMTU, _IFREQ_INT.pack(name.encode(), mtu))


def set_queue_length(name: str, packets: int) -> None:
    """Set how many packets wait for us at the interface `name`. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, _SIOCSIFTXQLEN, _IFREQ_INT.pack(name.encode(), packets))


class LinkMonitor:
    """Changes of one interface, as they happen."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._index = socket.if_nametoindex(name)
        self._sock = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
        )
        self._sock.bind((0, _RTMGRP_LINK))

    def fileno(self) -> int:
        """The descriptor to watch."""
        return self._sock.fileno()

    def changes(self) -> LinkState | None:
        """The newest state that was announced since the last call, None for no news."""
        newest = None
        while True:
            try:
                data = self._sock.recv(1 << 16)
            except BlockingIOError:
                return newest
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                # Messages were lost: ask instead.
                return self._ask()
            newest = parse_changes(data, self._index) or newest
            if newest and newest.gone:
                return newest

    def close(self) -> None:
        """Stop listening."""
        self._sock.close()

    def _ask(self) -> LinkState:
        try:
            if socket.if_nametoindex(self._name) == self._index:
                return link_state(self._name)
        except OSError:
            pass  # no such interface: that is the answer
        return LinkState(False, 0, gone=True)


def parse_changes(data: bytes, index: int) -> LinkState | None:
    """The last state of interface `index` in a buffer of rtnetlink messages."""
    newest = None
    at = 0
    while at + _NLMSG.size <= len(data):
        length, kind, _, _, _ = _NLMSG.unpack_from(data, at)
        if length < _NLMSG.size or at + length > len(data):
            break
        body = at + _NLMSG.size
        if kind in (_NEWLINK, _DELLINK) and length >= _NLMSG.size + _IFINFO.size:
            _, _, which, flags, _ = _IFINFO.unpack_from(data, body)
            if which == index:
                if kind == _DELLINK:
                    return LinkState(False, 0, gone=True)
                mtu = _mtu(data[body + _IFINFO.size : at + length])
                newest = LinkState(bool(flags & _IFF_UP), mtu)
        at += (length + 3) & ~3
    return newest


def _mtu(attributes: bytes) -> int:
    at = 0
    while at + _ATTRIBUTE.size <= len(attributes):
        length, kind = _ATTRIBUTE.unpack_from(attributes, at)
        if kind == _IFLA_MTU and length >= 8:
            return int.from_bytes(attributes[at + 4 : at + 8], "little")
        at += max(4, (length + 3) & ~3)
    return 0

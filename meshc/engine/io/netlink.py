"""rtnetlink(7) by hand: messages, attributes, and questions to the kernel.

A handful of fields of four message types does not justify the memory of a netlink library in a
process that is to stay small.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

NEWLINK, DELLINK, GETLINK, SETLINK = 16, 17, 18, 19
GETROUTE = 26
NEWNSID, GETNSID = 88, 90
_ERROR = 2
_F_REQUEST, _F_ACK = 1, 4
_NLMSG = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_INT = struct.Struct("=i")
# the upper bits of an attribute's type say how it is nested
_TYPE_MASK = 0x3FFF
_MOST = 1 << 16
# the kernel answers before `send` returns, or not at all
_PATIENCE = 1.0
_SIOCSIFMTU, _SIOCSIFTXQLEN = 0x8922, 0x8943
_IFREQ_INT = struct.Struct("16si20x")
_IFINFO = struct.Struct("=BxHiII")
_GSO_MAX_SEGS = 40  # linux/if_link.h: IFLA_GSO_MAX_SEGS


class Message(NamedTuple):
    """One message: its type, and what follows the header."""

    kind: int
    body: bytes


class KernelAnswers:
    """A socket for questions that the kernel answers with one message each.

    It stays open, so that a process that has run out of descriptors can still ask, and it asks in
    the network namespace in which it was made.
    """

    def __init__(self, protocol: int = socket.NETLINK_ROUTE) -> None:
        self._sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
        self._sock.bind((0, 0))
        self._sock.settimeout(_PATIENCE)
        self._serial = 0

    def ask(self, kind: int, body: bytes) -> bytes:
        """The body of the answer; empty where there is nothing but a yes. Raises OSError."""
        self._serial += 1
        ack = _F_ACK if kind in (NEWNSID, SETLINK) else 0
        head = _NLMSG.pack(
            _NLMSG.size + len(body), kind, _F_REQUEST | ack, self._serial & 0xFFFFFFFF, 0
        )
        self._sock.send(head + body)
        while True:
            data = self._sock.recv(_MOST)
            if len(data) < _NLMSG.size or _NLMSG.unpack_from(data)[3] != self._serial:
                continue  # an answer that came too late for an earlier question
            for message in messages(data):
                if message.kind != _ERROR:
                    return message.body
                code = -_INT.unpack_from(message.body)[0]
                if code:
                    raise OSError(code, os.strerror(code))
                return b""

    def close(self) -> None:
        """Ask no more."""
        self._sock.close()


def messages(data: bytes) -> Iterator[Message]:
    """The whole messages in a buffer, whatever it holds."""
    at = 0
    while at + _NLMSG.size <= len(data):
        length, kind, _, _, _ = _NLMSG.unpack_from(data, at)
        if length < _NLMSG.size or at + length > len(data):
            return
        yield Message(kind, data[at + _NLMSG.size : at + length])
        at += (length + 3) & ~3


def attributes(data: bytes) -> dict[int, bytes]:
    """The attributes in what follows a message's fixed part; of several of a kind the last."""
    found = {}
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size or at + length > len(data):
            break
        found[kind & _TYPE_MASK] = data[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3
    return found


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute with its padding."""
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(-length % 4)


def set_mtu(name: str, mtu: int) -> None:
    """Set the MTU of the interface `name`. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, _SIOCSIFMTU, _IFREQ_INT.pack(name.encode(), mtu))


def set_queue_length(name: str, packets: int) -> None:
    """Set how many packets wait for us at the interface `name`. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, _SIOCSIFTXQLEN, _IFREQ_INT.pack(name.encode(), packets))


def set_most_segments(name: str, segments: int) -> None:
    """Set how many segments the kernel may hand over as one at the interface `name`. Raises
    OSError."""
    answers = KernelAnswers()
    try:
        head = _IFINFO.pack(socket.AF_UNSPEC, 0, socket.if_nametoindex(name), 0, 0)
        answers.ask(SETLINK, head + attribute(_GSO_MAX_SEGS, struct.pack("=I", segments)))
    finally:
        answers.close()


def drain(sock: socket.socket) -> tuple[list[bytes], bool]:
    """What waits at a netlink socket, and whether the kernel says that something was lost."""
    found: list[bytes] = []
    lost = False
    while True:
        try:
            found.append(sock.recv(_MOST))
        except BlockingIOError:
            return found, lost
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            lost = True

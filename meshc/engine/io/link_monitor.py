"""The monitor of our interface: up, down, MTU, gone, and in which network namespace.

An interface may be moved into another namespace while it is served, which is how WireGuard's
own documentation gives a container nothing but the tunnel (https://www.wireguard.com/netns/).
Where it came from that looks like a deletion; the TUN descriptor knows better, and names the
namespace (`TUNGETDEVNETNS`). The kernel gives each namespace that has to do with ours a number,
by which its state can be asked (`IFLA_TARGET_NETNSID`) and its news are heard
(`NETLINK_LISTEN_ALL_NSID`). Nobody has to enter it, which would take CAP_SYS_ADMIN.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
import struct
from collections.abc import Callable
from typing import NamedTuple

from meshc.engine.io.netlink import (
    DELLINK,
    GETLINK,
    GETNSID,
    NEWLINK,
    NEWNSID,
    KernelAnswers,
    attribute,
    attributes,
    drain,
    messages,
)

log = logging.getLogger(__name__)

_RTMGRP_LINK = 1
_SOL_NETLINK, _NETLINK_LISTEN_ALL_NSID = 270, 8
_IFINFO = struct.Struct("=BxHiII")
_IFLA_IFNAME, _IFLA_MTU, _IFLA_TARGET_NETNSID = 3, 4, 46
_NETNSA_NSID, _NETNSA_FD = 1, 3
_RTGEN = bytes(4)
_U32, _S32 = struct.Struct("=I"), struct.Struct("=i")
_IFF_UP = 1
_TUNGETDEVNETNS = 0x54E3


class LinkState(NamedTuple):
    """An interface as it is now; `gone` once it was deleted."""

    up: bool
    mtu: int
    gone: bool = False


GONE = LinkState(up=False, mtu=0, gone=True)


class LinkMonitor:
    """Changes of one interface, as they happen, wherever it is moved.

    `name` tells what it is called now, since a move may give it another one; `namespace` gives a
    descriptor of where it is, -1 if that is where it has always been.
    """

    def __init__(self, name: str, *, current_name: Callable[[], str], tun: int = -1) -> None:
        self._name = current_name
        self._tun = tun
        self._index = socket.if_nametoindex(name)
        self._home = _identity("/proc/thread-self/ns/net")
        self._nsid: int | None = None
        self._answers = KernelAnswers()
        self._sock = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
        )
        try:
            self._sock.setsockopt(_SOL_NETLINK, _NETLINK_LISTEN_ALL_NSID, 1)
            self._follows = tun >= 0
        except OSError as error:
            log.info("moving the interface to another namespace ends it here: %s", error.strerror)
            self._follows = False
        self._sock.bind((0, _RTMGRP_LINK))

    def fileno(self) -> int:
        """The descriptor to watch."""
        return self._sock.fileno()

    def changes(self) -> LinkState | None:
        """The state now, if something was announced since the last call; None for no news."""
        found, lost = drain(self._sock)
        if lost:
            return self.state()
        for data in found:
            for message in messages(data):
                if message.kind not in (NEWLINK, DELLINK) or len(message.body) < _IFINFO.size:
                    continue
                # An index is one namespace's own, and a move may change it: a stranger with the
                # same one costs a question. After a DELLINK it is another, or none.
                if message.kind == DELLINK or _IFINFO.unpack_from(message.body)[2] == self._index:
                    return self.state()
                if self._nsid is not None and self._named(message.body):
                    return self.state()
        return None

    def state(self) -> LinkState:
        """Ask for the state, and where the interface is."""
        try:
            nsid = self._where()
            if nsid is None and not self._follows:
                return self._ask(None, self._index)
            return self._ask(nsid, 0)
        except OSError as error:
            if error.errno not in (errno.ENODEV, errno.ENXIO, errno.EBADFD, errno.EBADF):
                log.error("the interface cannot be asked for: %s", error.strerror)
            return GONE

    @property
    def is_home(self) -> bool:
        """Whether the interface is in the namespace in which we are."""
        return self._nsid is None

    def close(self) -> None:
        """Stop listening."""
        self._sock.close()
        self._answers.close()

    def _named(self, body: bytes) -> bool:
        name = attributes(body[_IFINFO.size :]).get(_IFLA_IFNAME, b"")
        return name.rstrip(b"\0").decode(errors="replace") == self._name()

    def _where(self) -> int | None:
        """The number of the interface's namespace, None for ours. Raises OSError, EBADFD when
        there is no interface behind the descriptor any more."""
        if not self._follows:
            return None
        try:
            namespace = fcntl.ioctl(self._tun, _TUNGETDEVNETNS)
        except OSError as error:
            if error.errno in (errno.EBADFD, errno.EBADF):
                raise
            # an older kernel, or no right to know: as good as at home
            log.info("the interface's namespace is not told: %s", error.strerror)
            self._follows = False
            return None
        try:
            nsid = None if _identity(namespace) == self._home else self._number(namespace)
        finally:
            os.close(namespace)
        if nsid != self._nsid:
            self._nsid = nsid
            log.info("the interface is %s", "back" if nsid is None else "in another namespace")
        return nsid

    def _number(self, namespace: int) -> int:
        """The number by which the kernel calls a namespace here; it is given one if need be."""
        question = _RTGEN + attribute(_NETNSA_FD, _U32.pack(namespace))
        number = self._given(question)
        if number < 0:
            self._answers.ask(NEWNSID, question + attribute(_NETNSA_NSID, _S32.pack(-1)))
            number = self._given(question)
        return number

    def _given(self, question: bytes) -> int:
        answer = attributes(self._answers.ask(GETNSID, question)[len(_RTGEN) :])
        return int(_S32.unpack_from(answer[_NETNSA_NSID])[0])

    def _ask(self, nsid: int | None, index: int) -> LinkState:
        question = _IFINFO.pack(0, 0, index, 0, 0)
        if not index:
            question += attribute(_IFLA_IFNAME, self._name().encode() + b"\0")
        if nsid is not None:
            question += attribute(_IFLA_TARGET_NETNSID, _S32.pack(nsid))
        answer = self._answers.ask(GETLINK, question)
        _, _, self._index, flags, _ = _IFINFO.unpack_from(answer)
        mtu = _U32.unpack_from(attributes(answer[_IFINFO.size :])[_IFLA_MTU])[0]
        return LinkState(bool(flags & _IFF_UP), mtu)


def _identity(namespace: str | int) -> tuple[int, int]:
    """What makes a namespace the same as another."""
    status = os.stat(namespace)
    return status.st_dev, status.st_ino

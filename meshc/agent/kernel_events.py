"""Events of the kernel: that links, routes, rules or nftables changed, without saying what.

Whoever looks after an interface need not ask every second. The old iptables tells nobody, so a
slow round of asking remains.
"""

from __future__ import annotations

import contextlib
import select
import socket
from types import TracebackType
from typing import Self

# linux/rtnetlink.h: RTMGRP_LINK, _IPV4_ROUTE, _IPV4_RULE, _IPV6_ROUTE, RTNLGRP_IPV6_RULE
_ROUTE_GROUPS = 0x1 | 0x40 | 0x80 | 0x400 | 1 << 18
_NETFILTER = 12  # linux/netlink.h: NETLINK_NETFILTER
_NFTABLES_GROUP = 1 << 6  # linux/netfilter/nfnetlink.h: NFNLGRP_NFTABLES


class KernelEvents:
    """Of the network namespace of the thread that makes it."""

    def __init__(self) -> None:
        self._sockets = [_listening(socket.NETLINK_ROUTE, _ROUTE_GROUPS)]
        # a kernel without nftables has no such group
        with contextlib.suppress(OSError):
            self._sockets.append(_listening(_NETFILTER, _NFTABLES_GROUP))

    def wait(self, timeout: float) -> bool:
        """Whether something changed before the seconds were over; many changes are one."""
        ready, _, _ = select.select(self._sockets, [], [], max(0.0, timeout))
        for one in ready:
            _drain(one)
        return bool(ready)

    def close(self) -> None:
        for one in self._sockets:
            one.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _listening(protocol: int, groups: int) -> socket.socket:
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    try:
        made.bind((0, groups))
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


def _drain(one: socket.socket) -> None:
    while True:
        try:
            one.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            # ENOBUFS: more happened than was kept, which is news as well
            continue

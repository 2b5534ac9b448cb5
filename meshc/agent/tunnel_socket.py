"""The tunnel socket: UDP between probe addresses, on the WireGuard interface and nowhere else."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple, Self

from meshc.agent.compiled_roster import number_of, probe_of
from meshc.agent.core.control_message import LONGEST
from meshc.errors import NodeError
from meshc.prefixes import Prefix
from meshc.topology.obligations.control_channel import CONTROL_PORT

_RECVERR = 25  # linux/in6.h: IPV6_RECVERR
_ERROR = struct.Struct("=IBBBBII")  # linux/errqueue.h: struct sock_extended_err
_FROM_ICMP6 = 3  # SO_EE_ORIGIN_ICMP6
_AT_ONCE = 512
"""Packets that are read before something else has its turn."""


class Arrived(NamedTuple):
    """A packet of the node with this number; without `data` the word of its kernel that nobody
    listens there."""

    sender: int
    data: bytes | None


class TunnelSocket:
    """Bound to the probe address of this node, which must be on the interface."""

    def __init__(self, interface: str, probe: Prefix) -> None:
        """Raises: NodeError."""
        self._index = 0
        self._socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            self._index = socket.if_nametoindex(interface)
            self._socket.setsockopt(
                socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0"
            )
            self._socket.setsockopt(socket.IPPROTO_IPV6, _RECVERR, 1)
            self._socket.bind((probe.address, CONTROL_PORT, 0, self._index))
            self._socket.setblocking(False)
        except OSError as error:
            self._socket.close()
            raise NodeError(
                f"could not listen at {probe.address} on {interface}: {error.strerror}"
            ) from None

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, to: int, data: bytes) -> None:
        """What cannot be sent is lost, as it might be anywhere on its way."""
        with contextlib.suppress(OSError):
            self._socket.sendto(data, (probe_of(to).address, CONTROL_PORT, 0, self._index))

    def arrived(self) -> Iterator[Arrived]:
        """What has come in, at most so much that the timers are not kept waiting."""
        yield from self._refusals()
        for _ in range(_AT_ONCE):
            try:
                data, address = self._socket.recvfrom(LONGEST + 1)
            except BlockingIOError:
                return
            except OSError:
                # an error that waits for us is told once here, and in full by its own queue
                yield from self._refusals()
                continue
            if address[1] == CONTROL_PORT:
                yield Arrived(_number(address[0]), data)

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _refusals(self) -> Iterator[Arrived]:
        for _ in range(_AT_ONCE):
            try:
                _, ancillary, _, address = self._socket.recvmsg(1, 512, socket.MSG_ERRQUEUE)
            except OSError:
                return  # the queue is empty
            for level, kind, payload in ancillary:
                if level != socket.IPPROTO_IPV6 or kind != _RECVERR or len(payload) < _ERROR.size:
                    continue
                number, origin, *_ = _ERROR.unpack_from(payload)
                if number == errno.ECONNREFUSED and origin == _FROM_ICMP6:
                    yield Arrived(_number(address[0]), None)


def _number(text: str) -> int:
    """Of an address with or without its scope; 0 for one that is no probe address."""
    address = ipaddress.IPv6Address(text.partition("%")[0])
    return number_of(Prefix(6, int(address), 128)) if address.is_link_local else 0

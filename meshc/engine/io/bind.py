"""The UDP sockets of an engine: IPv4 and IPv6 on one port, with batches in and out.

udp(7), `UDP_SEGMENT` and `UDP_GRO`: one call moves up to 64 datagrams of one size. The source
address by which a peer reached us is kept and used for the answers (sticky source), as the
kernel module does.
"""

from __future__ import annotations

import errno
import logging
import select
import socket
import struct
from collections.abc import Sequence
from ipaddress import IPv6Address

from meshc.engine.io.clock import monotonic
from meshc.engine.io.mmsg import SLOT, Mask, Receiver, Sender
from meshc.engine.io.path_monitor import PathMonitor
from meshc.engine.io.socket_pair import bind_pair
from meshc.engine.proto.datapath import Arena
from meshc.engine.proto.gro import Datagrams
from meshc.engine.proto.gso import Send
from meshc.engine.proto.udp_path import UdpPath

log = logging.getLogger(__name__)

_SOL_UDP = 17
_UDP_SEGMENT = 103
_UDP_GRO = 104
_IP_PKTINFO = 8
_SO_MARK = 36
_PORT_TRIES = 64
_MEMO = 4096
# How long a path is thought too narrow for what it refused; the path's own memory is longer.
_PLAIN_TIME = 10.0
_DATA = 4
# the longest handshake message (whitepaper 5.4.2)
_HANDSHAKE = 148
_MAX_SEGMENT = 0xFFFF
# the only length up to that which may be more than one message, coalesced
_TWO_COOKIES = 128

_CMSG = struct.Struct("@Nii")
_CMSG_ALIGN = struct.calcsize("@N") - 1
_NAME4 = struct.Struct("=H")
_U16 = struct.Struct("=H")
_INT = struct.Struct("=i")

# What the kernel says to a source address that is not (any more) ours.
_SOURCE_GONE = (errno.EINVAL, errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.EHOSTUNREACH)

Ancillary = list[tuple[int, int, bytes]]
Run = tuple[Datagrams, UdpPath]
# a datagram that is no transport data, taken out of the arena, and the slot it came in
Stray = tuple[bytes, int]
Route = tuple[socket.socket, tuple[str, int] | tuple[str, int, int, int], Ancillary]


class Bind:
    """UDP sockets for both families; closed until `open`.

    Without `paths` a source is kept as long as the kernel takes it.
    """

    def __init__(self, paths: PathMonitor | None = None) -> None:
        self._paths = paths
        self._sockets: dict[int, socket.socket] = {}
        self._receiver = Receiver()
        self._mark = 0
        self.port = 0
        self._senders: dict[Sender, tuple[int, UdpPath]] = {}
        self._routes: dict[UdpPath, Route] = {}
        self._plain: dict[str, tuple[int, float]] = {}
        self._gso = True

    @property
    def arena(self) -> Arena:
        """Where `receive` leaves the datagrams."""
        return self._receiver.arena

    def descriptors(self) -> list[int]:
        """File descriptors to watch."""
        return [sock.fileno() for sock in self._sockets.values()]

    def open(self, port: int, mark: int) -> int:
        """Bind both families to `port` (0: any free one); returns the port. Raises OSError."""
        self.close()
        self._mark = mark
        for _ in range(_PORT_TRIES):
            try:
                self._sockets = bind_pair(port, mark)
                break
            except OSError as error:
                # A port that one family got may be taken in the other.
                if port or error.errno != errno.EADDRINUSE:
                    raise
        else:
            raise OSError(errno.EADDRINUSE, "no port is free in both families")
        self.port = next(iter(self._sockets.values())).getsockname()[1]
        return self.port

    def set_mark(self, mark: int) -> None:
        """Mark what is sent from now on (SO_MARK). Raises OSError."""
        self._mark = mark
        self.forget_paths()
        for sock in self._sockets.values():
            sock.setsockopt(socket.SOL_SOCKET, _SO_MARK, mark)

    def close(self) -> None:
        """Close the sockets; what the kernel still holds for them is lost."""
        for sock in self._sockets.values():
            sock.close()
        self._sockets = {}
        self.forget_paths()

    def forget_paths(self) -> None:
        """Routes or addresses have changed: whatever was found out about a path may be wrong."""
        self._plain.clear()
        self._routes.clear()

    def receive(self, descriptor: int) -> tuple[list[Run], list[Stray]]:
        """All datagrams waiting on one socket: transport data in order, as runs of one size and
        sender, and the rest.

        The runs lie in `arena`, and strays can be asked for, until the next call. Raises OSError.
        """
        return self.sort(0, self.fetch(descriptor))

    def fetch(self, descriptor: int) -> int:
        """Receive what waits on a socket, for `sort`: how many messages. Raises OSError."""
        return self._receiver.receive(descriptor)

    def sort(self, first: int, last: int) -> tuple[list[Run], list[Stray]]:
        """The datagrams in messages from number `first` to before `last`; see `receive`."""
        runs: list[Run] = []
        strays: list[Stray] = []
        if first == last:
            return runs, strays
        receiver = self._receiver
        buffer, view = receiver.arena.buffer, receiver.arena.view
        loose = self._loose(first, last)
        start = first
        for end in receiver.ends(first, last, loose):
            if loose[start - first]:
                # in a flood this is all that may be done for each
                sizes = enumerate(receiver.lengths[start:end].tolist(), start)
                strays += [
                    (view[slot * SLOT : slot * SLOT + size].tobytes(), slot) for slot, size in sizes
                ]
                start = end
                continue
            segment, endpoint = self._known(receiver.sender(start))
            for run in _pieces(start, end - start, receiver.length(start), segment):
                if buffer[run.offset] == _DATA:
                    runs.append((run, endpoint))
                    continue
                last = run.offset + run.number * run.stride
                for at in range(run.offset, last, run.stride):
                    strays.append((view[at : at + run.size].tobytes(), start))
            start = end
        return runs, strays

    def _loose(self, first: int, end: int) -> Mask | Sequence[bool]:
        """Which messages can be nothing but one handshake message, or rubbish."""
        receiver = self._receiver
        if end - first == 1:
            size = receiver.length(first)
            data = receiver.arena.buffer[first * SLOT] == _DATA
            return (not data and size <= _HANDSHAKE and size != _TWO_COOKIES,)
        lengths = receiver.lengths[first:end]
        loose: Mask = receiver.arena.field(0, SLOT, "u1", end)[first:] != _DATA
        loose &= lengths <= _HANDSHAKE
        loose &= lengths != _TWO_COOKIES
        return loose

    def endpoint_of(self, slot: int) -> UdpPath:
        """The endpoint of a stray's sender; it is not remembered, since there may be many."""
        sender = self._receiver.sender(slot)
        return (self._senders.get(sender) or _parse(sender))[1]

    @property
    def places(self) -> tuple[memoryview, memoryview, memoryview]:
        """`Receiver.places`"""
        return self._receiver.places

    def filled(self, count: int) -> None:
        """`Receiver.filled`"""
        self._receiver.filled(count)

    def sender(self, slot: int) -> Sender:
        """Who sent what `fetch` left in a slot."""
        return self._receiver.sender(slot)

    def _known(self, sender: Sender) -> tuple[int, UdpPath]:
        """Segment size and endpoint in what came with a message, parsed once."""
        known = self._senders.get(sender)
        if known is None:
            if len(self._senders) >= _MEMO:
                self._senders.clear()
            known = self._senders[sender] = _parse(sender)
        return known

    def send(self, send: Send, endpoint: UdpPath) -> None:
        """Send a run of datagrams. Raises BlockingIOError when the socket is full, or OSError."""
        route = self.route(endpoint)
        try:
            self._send(route, send, endpoint.host)
        except OSError as error:
            if not route[2] or error.errno not in _SOURCE_GONE:
                raise
            # The address that the peer knew us by is no longer ours: let the kernel choose.
            route = self._routes[endpoint] = (route[0], route[1], [])
            self._send(route, send, endpoint.host)

    def _send(self, route: Route, send: Send, host: str) -> None:
        sock, address, ancillary = route
        data, segment, count = send
        if count == 1:
            sock.sendmsg((data,), ancillary, 0, address)
            return
        refused = 0
        if self._gso and not self._is_plain(host, segment):
            try:
                gso = (_SOL_UDP, _UDP_SEGMENT, _U16.pack(segment))
                sock.sendmsg((data,), [*ancillary, gso], 0, address)
                return
            except OSError as error:
                if error.errno not in (errno.EIO, errno.EINVAL, errno.EMSGSIZE):
                    raise
                refused = error.errno
        for start in range(0, len(data), segment):
            sock.sendmsg((data[start : start + segment],), ancillary, 0, address)
        if refused:
            # One by one it went: it was the segmentation that the kernel did not like.
            self._without_gso(refused, host, segment)

    def may_segment(self, host: str) -> bool:
        """Whether nothing is known against segmentation by the kernel on the way to `host`."""
        return self._gso and not self._is_plain(host, _MAX_SEGMENT)

    def route(self, endpoint: UdpPath) -> Route:
        """Socket, address and ancillary data to send to an endpoint; the same object as long as
        nothing has changed. Raises OSError."""
        known = self._routes.get(endpoint)
        if known is not None:
            return known
        sock = self._sockets.get(endpoint.family)
        if sock is None:
            raise OSError(errno.EAFNOSUPPORT, f"no IPv{endpoint.family} socket")
        address: tuple[str, int] | tuple[str, int, int, int] = endpoint.address
        if endpoint.family == 6:
            address = (endpoint.host, endpoint.port, 0, endpoint.scope)
        if len(self._routes) >= _MEMO:
            self._routes.clear()
        route = sock, address, _source_of(endpoint) if self._keeps_source(endpoint) else []
        self._routes[endpoint] = route
        return route

    def _keeps_source(self, endpoint: UdpPath) -> bool:
        if not endpoint.source or self._paths is None or not endpoint.interface:
            return bool(endpoint.source)
        return self._paths.keeps_source(endpoint, self.port, self._mark)

    def wait_writable(self, endpoint: UdpPath, milliseconds: int) -> None:
        """Wait, not longer than that, until the socket towards `endpoint` has room."""
        poll = select.poll()
        poll.register(self._sockets[endpoint.family], select.POLLOUT)
        poll.poll(milliseconds)

    def _is_plain(self, host: str, segment: int) -> bool:
        """Whether the kernel has lately refused to split for `host` into pieces as long as that."""
        known = self._plain.get(host)
        if known is None or segment < known[0]:
            return False
        if monotonic() < known[1]:
            return True
        del self._plain[host]
        return False

    def _without_gso(self, error: int, host: str, segment: int) -> None:
        """Stop asking for segmentation: everywhere if it does not work, else for a while on this
        path, for pieces that long."""
        if error == errno.EIO:
            # wireguard-go's ErrUDPGSODisabled: the device cannot checksum what it would split.
            self._gso = False
            log.info("UDP segmentation offload does not work here: sending one by one")
            return
        if not self._plain:
            log.info("UDP segmentation offload does not fit a path: sending one by one there")
        if len(self._plain) >= _MEMO:
            self._plain.clear()
        self._plain[host] = segment, monotonic() + _PLAIN_TIME


def _pieces(slot: int, count: int, length: int, segment: int) -> list[Datagrams]:
    """The datagrams in messages next to each other that are coalesced from `segment` octets each,
    or 0 for not at all."""
    offset = slot * SLOT
    if not 0 < segment < length:
        return [Datagrams(offset, SLOT, length, count)]
    pieces = []
    full, rest = divmod(length, segment)
    for base in range(offset, offset + count * SLOT, SLOT):
        pieces.append(Datagrams(base, segment, segment, full))
        if rest:
            pieces.append(Datagrams(base + full * segment, segment, rest, 1))
    return pieces


def _parse(sender: Sender) -> tuple[int, UdpPath]:
    """Segment size of a coalesced message, 0 for none, and its sender with the address it was
    sent to."""
    name, control = sender
    segment, source, interface, at = 0, "", 0, 0
    while at + _CMSG.size <= len(control):
        length, level, kind = _CMSG.unpack_from(control, at)
        data = control[at + _CMSG.size : at + length]
        if (level, kind) == (_SOL_UDP, _UDP_GRO):
            segment = _INT.unpack_from(data)[0]
        elif (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO):
            interface = _INT.unpack_from(data)[0]
            source = socket.inet_ntop(socket.AF_INET, data[4:8])
        elif (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
            source = str(IPv6Address(data[:16]))
            interface = _INT.unpack_from(data, 16)[0]
        at += max(_CMSG.size, (length + _CMSG_ALIGN) & ~_CMSG_ALIGN)
    return segment, _endpoint(name, source, interface)


def _endpoint(name: bytes, source: str, interface: int) -> UdpPath:
    """The sender in a `struct sockaddr_in` or `sockaddr_in6`."""
    port = int.from_bytes(name[2:4], "big")
    if _NAME4.unpack_from(name)[0] == socket.AF_INET:
        return UdpPath(socket.inet_ntop(socket.AF_INET, name[4:8]), port, 0, source, interface)
    scope = int.from_bytes(name[24:28], "little")
    return UdpPath(str(IPv6Address(name[8:24])), port, scope, source, interface)


def _source_of(endpoint: UdpPath) -> Ancillary:
    """Ask for the source address that the peer knows us by."""
    if ":" in endpoint.host:
        packed = socket.inet_pton(socket.AF_INET6, endpoint.source)
        info = packed + struct.pack("=I", endpoint.scope)
        return [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, info)]
    info = bytes(4) + socket.inet_pton(socket.AF_INET, endpoint.source) + bytes(4)
    return [(socket.IPPROTO_IP, _IP_PKTINFO, info)]

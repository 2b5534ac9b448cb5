"""The pump: packets from the TUN device to the UDP sockets and back, a few batches a turn.

All system calls of the data path are here; what happens in between is the business of
`Outbound`, `Inbound` and, for what they leave to it, `Device`.
"""

from __future__ import annotations

import errno
import logging
import select
import time
from collections.abc import Callable, Iterable
from math import inf

from meshc.engine.io.bind import Bind, Run, Stray
from meshc.engine.io.clock import monotonic
from meshc.engine.io.tun import Tun
from meshc.engine.proto import datapath
from meshc.engine.proto.datapath import Buffers
from meshc.engine.proto.device import Device
from meshc.engine.proto.gso import Send, sends_of
from meshc.engine.proto.inbound import Inbound
from meshc.engine.proto.offload import VNET_NONE
from meshc.engine.proto.outbound import SLOTS, Outbound, Outgoing
from meshc.engine.proto.udp_path import UdpPath
from meshc.engine.proto.unsent import Unsent

log = logging.getLogger(__name__)

READ_BUDGET = SLOTS
# So many handshakes in one read together with data: we do not keep up with a flood.
_MANY_STRAYS = 8
# How long a full UDP socket holds the loop up before what it refuses is dropped.
_SEND_WAIT_MS = 50
# What links that go down, full queues and peers that are away bring about.
_USUAL = (
    errno.EIO,
    errno.EAGAIN,
    errno.ENOBUFS,
    errno.EMSGSIZE,
    errno.ECONNREFUSED,
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.EHOSTDOWN,
    errno.EADDRNOTAVAIL,
    errno.EPERM,
    errno.EACCES,
)
_GONE = (errno.EBADFD, errno.EBADF, errno.ENODEV)


class Pump:
    """Moves packets between an interface and its sockets; calls `gone` when the interface is.

    `refuse` sends an ICMP error from one of our addresses, or says that it could not.
    """

    def __init__(
        self,
        device: Device,
        tun: Tun,
        bind: Bind,
        *,
        gone: Callable[[], None],
        refuse: Callable[[bytes], bool],
    ) -> None:
        self._device = device
        self._tun = tun
        self._bind = bind
        self._gone = gone
        self._refuse = refuse
        path = datapath.new()
        self._outbound = Outbound(device, path, vnet=tun.vnet)
        self._inbound = Inbound(device, path, bind.arena, udp=tun.udp_gso if tun.vnet else None)
        self._unsent = Unsent(device.sessions.peers)
        self._busy = False
        self._plain_header = (VNET_NONE,) if tun.vnet else ()
        self.errors = dict.fromkeys(("tun_read", "tun_write", "udp_receive", "udp_send"), 0)
        self._told: set[tuple[str, int | None]] = set()

    def wait(self, poll: select.epoll, until: float) -> list[tuple[int, int]]:
        """Wait for input, until `until` at the latest: descriptors that want to be handled, and
        what is the matter with them."""
        return poll.poll(-1 if until == inf else max(0.0, until - monotonic()))

    def on_tun(self) -> None:
        """Packets wait at the TUN device."""
        outbound = self._outbound
        now = monotonic()
        busy, self._busy = self._busy, False
        taken = 0
        if not busy:
            # Packets have been coming one by one: this one need not wait until the device has
            # said that there is no other.
            sizes, drained = self._read(1)
            if drained:
                return
            self.send_many(outbound.take_one(sizes[0], now))
            taken = 1
        drained = False
        while taken < READ_BUDGET and not drained:
            sizes, drained = self._read(READ_BUDGET - taken)
            taken += len(sizes)
            self._busy = taken > 1
            self.send_many(outbound.take(sizes, now))
        self.send_many(outbound.flush())

    def on_udp(self, descriptor: int) -> None:
        """Datagrams wait at a socket."""
        inbound = self._inbound
        try:
            runs, strays = self._bind.receive(descriptor)
        except OSError as error:
            # Most often an ICMP error about something sent earlier; UDP goes on.
            self._count("udp_receive", error)
            return
        now = monotonic()
        if len(runs) == 1 and runs[0][0].number == 1:
            run, endpoint = runs[0]
            self.write_many(inbound.receive_one(run.offset, run.size, endpoint, now))
            if not self._busy:
                # What was delivered may be answered by now, by the kernel itself: do not wait
                # until epoll says so. Where packets come in bulk, a turn later there are more.
                self.on_tun()
        else:
            self._receive(runs, now)
        self._receive_strays(strays, now, beside_data=bool(runs))

    def _receive(self, runs: list[Run], now: float) -> None:
        for run, endpoint in runs:
            self.write_many(self._inbound.receive(run, endpoint, now))
        self.write_many(self._inbound.flush())

    def _receive_strays(self, strays: list[Stray], now: float, *, beside_data: bool) -> None:
        """Behind the data: a flood of handshakes must not hold it up."""
        if strays:
            busy = beside_data and len(strays) >= _MANY_STRAYS
            self._device.receive_unsorted(strays, self._bind.endpoint_of, now, busy=busy)

    def drain(self) -> None:
        """Send and deliver what the device made by itself."""
        for endpoint, datagrams in self._device.datagrams_to_send():
            self.send_many((send, endpoint) for send in sends_of(datagrams))
        header = self._plain_header
        self.write_many([*header, packet] for packet in self._device.packets_to_deliver())
        for packet in self._device.refusals_to_send():
            if not self._refuse(packet):
                self.write_many([[*header, packet]])

    def send_many(self, sends: Iterable[Outgoing]) -> None:
        """Send runs of datagrams, each before the next is asked for."""
        for send, endpoint in sends:
            for last_try in (False, True):
                try:
                    self._bind.send(send, endpoint)
                    break
                except BlockingIOError as error:
                    if last_try:
                        self._not_sent(send, endpoint, error)
                    else:
                        self._bind.wait_writable(endpoint, _SEND_WAIT_MS)
                except OSError as error:
                    self._not_sent(send, endpoint, error)
                    break

    def _not_sent(self, send: Send, endpoint: UdpPath, error: OSError) -> None:
        self._unsent.subtract(endpoint, send.data)
        self._count("udp_send", error, send.number)

    def write_many(self, writes: Iterable[Buffers]) -> None:
        """Write packets to the TUN device, each before the next is asked for."""
        for buffers in writes:
            try:
                self._tun.write(buffers)
            except OSError as error:
                self._not_written(error)

    def _read(self, budget: int) -> tuple[list[int], bool]:
        """Read up to `budget` packets into slots, one super-packet at most: their sizes, and
        whether there is nothing more."""
        read, slots, slot_size = self._tun.read_into, self._outbound.slots, self._outbound.slot_size
        sizes: list[int] = []
        try:
            for slot in slots[:budget]:
                size = read(slot)
                sizes.append(size)
                if size > slot_size:
                    return sizes, False
        except BlockingIOError:
            return sizes, True
        except OSError as error:
            self._not_read(error)
            return sizes, True
        return sizes, False

    def _not_read(self, error: OSError) -> None:
        if error.errno in _GONE:
            self._gone()
            return
        # EIO: the interface is down; the link monitor will say so
        self._count("tun_read", error)
        time.sleep(0.01)

    def _not_written(self, error: OSError) -> None:
        self._count("tun_write", error)
        if error.errno in _GONE:
            self._gone()

    def _count(self, kind: str, error: OSError, number: int = 1) -> None:
        """Count an error; the first of its kind that is not a usual one is an error in the log."""
        self.errors[kind] += number
        known = error.errno in _USUAL or (kind, error.errno) in self._told
        self._told.add((kind, error.errno))
        log.log(logging.DEBUG if known else logging.ERROR, "%s: %s", kind, error.strerror)

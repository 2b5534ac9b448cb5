"""The one loop of an engine: descriptors in, `Device` in the middle, descriptors out.

After any input the device's outputs are drained and the timer is armed; nothing else touches
the device, and there are no threads and no locks.
"""

from __future__ import annotations

import errno
import logging
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from functools import partial
from math import inf

from meshc.engine.io.bind import Bind
from meshc.engine.io.epoch import TimestampFile
from meshc.engine.io.journal import describe
from meshc.engine.io.metrics import MetricsServer
from meshc.engine.io.netlink import LinkMonitor, LinkState, link_state
from meshc.engine.io.tun import Tun
from meshc.engine.io.uapi_socket import UapiClient, UapiListener
from meshc.engine.proto.bulk import Inbound, Outbound
from meshc.engine.proto.coalesce import Buffers, Coalescer
from meshc.engine.proto.device import Device
from meshc.engine.proto.events import HandshakeInitiated
from meshc.engine.proto.offload import VNET_NONE
from meshc.engine.proto.sealing import MAX_SEGMENTS, MAX_SEND, Send
from meshc.engine.proto.status import DeviceStatus
from meshc.engine.proto.udp_path import UdpPath
from meshc.errors import ConfigError
from meshc.wg import uapi
from meshc.wg.device_values import DeviceUpdate

log = logging.getLogger(__name__)

_READ_BUDGET = 64
_MAX_CLIENTS = 32
# So many handshakes in one read together with data: we do not keep up with a flood.
_MANY_STRAYS = 8
# How long a full UDP socket holds the loop up before what it refuses is dropped.
_SEND_WAIT_MS = 50
_READABLE = select.EPOLLIN | select.EPOLLERR | select.EPOLLHUP


def monotonic() -> float:
    """Seconds that go on while the machine sleeps: sessions must age then, too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Engine:
    """A WireGuard interface: one TUN device, the UDP sockets and the control socket."""

    def __init__(
        self, tun: Tun, listener: UapiListener | None, metrics: MetricsServer | None = None
    ) -> None:
        self._tun = tun
        self._listener = listener
        self._metrics = metrics
        now = monotonic()
        self._timestamps = TimestampFile()
        self.device = Device(rng=os.urandom, wall_epoch=self._timestamps.epoch(now))
        self._bind = Bind()
        self._monitor = LinkMonitor(tun.name)
        coalescer = Coalescer(udp=tun.udp_gso) if tun.vnet else None
        self._outbound = Outbound(self.device, self._send, vnet=tun.vnet)
        self._inbound = Inbound(self.device, self._bind.arena, self._write, coalescer=coalescer)
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._clients: dict[int, UapiClient] = {}
        self.running = False
        self._tun_busy = False
        self._wanted_port = 0
        self.write_errors = 0
        self.send_errors = 0
        self._plain_header = (VNET_NONE,) if tun.vnet else ()

    # --- life --------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until the interface or the control socket is removed, or a signal says stop."""
        wake = self._catch_signals()
        self._watch(wake.fileno(), lambda: None)
        self.open()
        try:
            while self.running:
                self.turn()
        finally:
            self.close()
            wake.close()

    def open(self) -> None:
        """Watch everything and take over the state of the interface. Raises OSError."""
        self.running = True
        self._watch(self._tun.fd, self._on_tun)
        self._watch(self._monitor.fileno(), self._on_link)
        if self._listener is not None:
            self._watch(self._listener.fileno(), self._on_connect)
            if self._listener.watch >= 0:
                self._watch(self._listener.watch, self._on_socket_change)
        if self._metrics is not None:
            self._metrics.attach(self._watch, self._unwatch, self._figures)
        self._apply_link(link_state(self._tun.name))

    def stop(self) -> None:
        """End `run` after the current turn."""
        self.running = False

    def close(self) -> None:
        """Close everything; the interface and the control socket's file disappear."""
        self._timestamps.flush(self.device.timestamp_floor)
        for client in self._clients.values():
            client.sock.close()
        self._clients.clear()
        if self._metrics is not None:
            self._metrics.close()
        if self._listener is not None:
            self._listener.close()
        self._bind.close()
        self._monitor.close()
        self._tun.close()
        self._epoll.close()

    # --- the loop ----------------------------------------------------------------------

    def turn(self, limit: float = inf) -> None:
        """Wait for input or the next deadline, at most `limit` seconds, and handle it."""
        wake_at = self.device.wake_at()
        timeout = limit if wake_at == inf else min(limit, max(0.0, wake_at - monotonic()))
        for descriptor, _ in self._epoll.poll(-1 if timeout == inf else timeout):
            handler = self._handlers.get(descriptor)
            if handler is not None:
                handler()
        if wake_at != inf:
            now = monotonic()
            if now >= wake_at:
                self.device.handle_timeout(now)
        self._drain()

    def _drain(self) -> None:
        """Send and deliver what the device made on its plain road, tell its events."""
        device = self.device
        for endpoint, datagrams in device.datagrams_to_send():
            if len(datagrams) == 1:
                data = datagrams[0]
                self._send(Send(memoryview(data), len(data), 1), endpoint)
                continue
            for send in _grouped(datagrams):
                self._send(send, endpoint)
        for packet in device.packets_to_deliver():
            self._write([*self._plain_header, packet])
        while (event := device.next_event()) is not None:
            describe(event)
            if type(event) is HandshakeInitiated:
                self._timestamps.save(device.timestamp_floor, monotonic())

    def _on_tun(self) -> None:
        outbound, read = self._outbound, self._tun.read_into
        now = monotonic()
        try:
            if self._tun_busy:
                self._tun_busy = False
                outbound.pump(read, 1, now)
            else:
                # Packets have been coming one by one: this one need not wait until the
                # device has said that there is no other.
                outbound.pump_one(read, now)
            outbound.pump(read, 1, now)
            self._tun_busy = True
            outbound.pump(read, _READ_BUDGET - 2, now)
        except BlockingIOError:
            pass  # all of it is read
        except OSError as error:
            if error.errno == errno.EIO:
                time.sleep(0.01)  # the interface is down; the link monitor will say so
            elif error.errno in (errno.EBADFD, errno.EBADF, errno.ENODEV):
                self._gone()
            else:
                raise
        outbound.flush(now)

    def _on_udp(self, descriptor: int) -> None:
        inbound = self._inbound
        try:
            runs, strays = self._bind.receive(descriptor)
        except OSError as error:
            # An ICMP error about something sent earlier; UDP goes on.
            log.debug("receiving: %s", error.strerror)
            return
        now = monotonic()
        if len(runs) == 1 and runs[0][0].number == 1:
            run, endpoint = runs[0]
            inbound.receive_one(run.offset, run.size, endpoint, now)
            if not self._tun_busy:
                # What was delivered may be answered by now, by the kernel itself: do not wait
                # until epoll says so. Where packets come in bulk, a turn later there are more.
                self._on_tun()
        elif runs:
            for run, endpoint in runs:
                inbound.receive(run, endpoint, now)
            inbound.flush()
        if strays:
            # behind the data: a flood of handshakes must not hold it up
            busy = bool(runs) and len(strays) >= _MANY_STRAYS
            self.device.receive_unsorted(strays, self._bind.endpoint_of, now, busy=busy)

    def _send(self, send: Send, endpoint: UdpPath) -> None:
        for last_try in (False, True):
            try:
                self._bind.send(send, endpoint)
                return
            except BlockingIOError:
                if not last_try:
                    self._bind.wait_writable(endpoint, _SEND_WAIT_MS)
                    continue
                self.send_errors += send.number
            except OSError as error:
                self.send_errors += send.number
                log.debug("sending: %s", error.strerror)
                return

    def _write(self, buffers: Buffers) -> None:
        try:
            self._tun.write(buffers)
        except OSError as error:
            self.write_errors += 1
            if error.errno in (errno.EBADFD, errno.EBADF, errno.ENODEV):
                self._gone()
            elif error.errno not in (errno.EIO, errno.EAGAIN, errno.ENOBUFS):
                log.debug("writing to %s: %s", self._tun.name, error.strerror)

    # --- the interface -----------------------------------------------------------------

    def _on_link(self) -> None:
        state = self._monitor.changes()
        if state is not None:
            self._apply_link(state)

    def _apply_link(self, state: LinkState) -> None:
        if state.gone:
            self._gone()
            return
        device = self.device
        device.mtu = state.mtu
        if state.up == device.is_up:
            return
        if state.up:
            try:
                self._rebind(self._wanted_port, device.fwmark)
            except OSError as error:
                log.error("cannot open UDP port %d: %s", self._wanted_port, error.strerror)
        device.set_up(state.up, monotonic())
        if not state.up:
            self._unbind()
        log.info("interface %s is %s", self._tun.name, "up" if state.up else "down")

    def _gone(self) -> None:
        if self.running:
            log.info("interface %s is gone", self._tun.name)
        self.running = False

    def _rebind(self, port: int, mark: int) -> None:
        self._unbind()
        self.device.listen_port = self._bind.open(port, mark)
        for descriptor in self._bind.descriptors():
            self._watch(descriptor, partial(self._on_udp, descriptor))

    def _unbind(self) -> None:
        for descriptor in self._bind.descriptors():
            self._unwatch(descriptor)
        self._bind.close()

    # --- control -----------------------------------------------------------------------

    def _on_connect(self) -> None:
        listener = self._listener
        sock = listener.accept() if listener is not None else None
        if sock is None:
            return
        if len(self._clients) >= _MAX_CLIENTS:
            sock.close()
            return
        client = UapiClient(sock, self._answer)
        self._clients[sock.fileno()] = client
        self._watch(sock.fileno(), partial(self._on_client, sock.fileno()))

    def _on_client(self, descriptor: int) -> None:
        client = self._clients[descriptor]
        alive = client.writable() if client.wants_write else client.readable()
        if not alive:
            self._unwatch(descriptor)
            del self._clients[descriptor]
            client.sock.close()
            return
        mask = select.EPOLLOUT if client.wants_write else _READABLE
        self._epoll.modify(descriptor, mask)

    def _answer(self, operation: str, body: str) -> tuple[str, int]:
        """One UAPI request: (reply, errno)."""
        if operation == "get":
            return uapi.format_get(self.device.state()), 0
        try:
            self._configure(uapi.parse_set(body, scope_index=socket.if_nametoindex))
        except ConfigError as error:
            log.error("refused a configuration: %s", error)
            return "", error.errno
        except OSError as error:
            log.error("a configuration could not be applied: %s", error.strerror)
            return "", error.errno or errno.EIO
        return "", 0

    def _configure(self, update: DeviceUpdate) -> None:
        """Bind first, since that may fail; then all the rest."""
        device = self.device
        mark = device.fwmark if update.fwmark is None else update.fwmark
        if update.listen_port is not None and update.listen_port > 0xFFFF:
            raise ConfigError("listen_port goes to 65535", errno=errno.EINVAL)
        if update.listen_port is not None:
            changes = not update.listen_port or update.listen_port != device.listen_port
            if device.is_up and changes:
                self._change_port(update.listen_port, mark)
            self._wanted_port = update.listen_port
        if mark != device.fwmark:
            self._bind.set_mark(mark)
        device.configure(update, monotonic())
        if device.is_up:
            device.listen_port = self._bind.port

    def _change_port(self, port: int, mark: int) -> None:
        before = self.device.listen_port
        try:
            self._rebind(port, mark)
        except OSError:
            self._rebind(before, self.device.fwmark)
            raise

    def _on_socket_change(self) -> None:
        if self._listener is not None and self._listener.removed():
            log.info("the control socket was removed: ending")
            self.running = False

    def _figures(self) -> tuple[str, DeviceStatus, dict[str, int]]:
        """What the metrics show: interface name, device and counters of this loop."""
        counters = {"tun_write": self.write_errors, "udp_send": self.send_errors}
        return self._tun.name, self.device.status(), counters

    # --- descriptors -------------------------------------------------------------------

    def _watch(self, descriptor: int, handler: Callable[[], None]) -> None:
        self._handlers[descriptor] = handler
        self._epoll.register(descriptor, _READABLE)

    def _unwatch(self, descriptor: int) -> None:
        if self._handlers.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def _catch_signals(self) -> socket.socket:
        """Make SIGTERM and SIGINT end the loop; the socket returned wakes it."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.detach(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())
        return ours


def _grouped(datagrams: list[bytes]) -> list[Send]:
    """Datagrams in order as sends: runs of one size, the last of a run may be shorter."""
    sends = []
    start, count = 0, len(datagrams)
    while start < count:
        size = len(datagrams[start])
        most = max(1, min(MAX_SEGMENTS, MAX_SEND // size))
        end = start + 1
        while end < count and end - start < most and len(datagrams[end]) == size:
            end += 1
        if end < count and end - start < most and len(datagrams[end]) < size:
            end += 1
        sends.append(Send(memoryview(b"".join(datagrams[start:end])), size, end - start))
        start = end
    return sends

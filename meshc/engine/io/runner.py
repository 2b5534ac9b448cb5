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
from collections.abc import Callable
from functools import partial
from math import inf

from meshc.engine.io.bind import Bind
from meshc.engine.io.clock import ClockSteps, monotonic, wall_epoch
from meshc.engine.io.engine_log import VerboseSwitch
from meshc.engine.io.epoch import TimestampFile
from meshc.engine.io.icmp_socket import IcmpSocket
from meshc.engine.io.journal import describe
from meshc.engine.io.link_monitor import LinkMonitor, LinkState
from meshc.engine.io.metrics import MetricsServer
from meshc.engine.io.metrics_feed import PAGE, Figures
from meshc.engine.io.path_monitor import PathMonitor
from meshc.engine.io.pump import Pump
from meshc.engine.io.tun import Tun
from meshc.engine.io.uapi_socket import UapiClient, UapiListener
from meshc.engine.proto.datapath import road
from meshc.engine.proto.device import Device
from meshc.engine.proto.events import HandshakeInitiated
from meshc.errors import ConfigError
from meshc.wg import uapi
from meshc.wg.device_values import DeviceUpdate

log = logging.getLogger(__name__)

_MAX_CLIENTS = 32
_READABLE = select.EPOLLIN | select.EPOLLERR | select.EPOLLHUP


def _read_empty(wake: socket.socket) -> None:
    """So that a signal wakes the loop once."""
    wake.recv(4096)


def _pump() -> type[Pump]:
    """The pump of the road that this process takes."""
    if road.taken() is not road.COMPILED:
        return Pump
    # not to be imported where meshc-native is not installed
    from meshc.engine.io.compiled_pump import CompiledPump

    return CompiledPump


class Engine:
    """A WireGuard interface: one TUN device, the UDP sockets and the control socket."""

    def __init__(
        self, tun: Tun, listener: UapiListener | None, metrics: MetricsServer | None = None
    ) -> None:
        self._tun = tun
        self._listener = listener
        self._metrics = metrics
        self._timestamps = TimestampFile()
        self._clock_steps = ClockSteps()
        self.device = Device(
            rng=os.urandom, wall_epoch=wall_epoch(), newest_timestamp=self._timestamps.newest()
        )
        self._paths = PathMonitor()
        self._bind = Bind(self._paths)
        self._monitor = LinkMonitor(tun.name, current_name=tun.current_name, tun=tun.fd)
        self._icmp = IcmpSocket()
        self._pump = _pump()(self.device, tun, self._bind, gone=self._gone, refuse=self._refuse)
        self._epoll = select.epoll()
        self._handlers: dict[int, Callable[[], None]] = {}
        self._clients: dict[int, UapiClient] = {}
        self.running = False
        self._wanted_port = 0

    # --- life --------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until the interface or the control socket is removed, or a signal says stop."""
        wake = self._catch_signals()
        self._watch(wake.fileno(), partial(_read_empty, wake))
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
        self._watch(self._tun.fd, self._pump.on_tun)
        self._watch(self._monitor.fileno(), self._on_link)
        self._watch(self._paths.fileno(), self._on_paths)
        self._watch(self._clock_steps.fileno(), self._on_clock)
        if self._listener is not None:
            self._watch(self._listener.fileno(), self._on_connect)
            if self._listener.watch >= 0:
                self._watch(self._listener.watch, self._on_socket_change)
        if self._metrics is not None:
            self._metrics.attach(self._watch, self._unwatch, self._figures)
        self._apply_link(self._monitor.state())

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
        self._paths.close()
        self._clock_steps.close()
        self._icmp.close()
        self._tun.close()
        self._epoll.close()

    # --- the loop ----------------------------------------------------------------------

    def turn(self, limit: float = inf) -> None:
        """Wait for input or the next deadline, at most `limit` seconds, and handle it."""
        wake_at = self.device.wake_at()
        until = wake_at if limit == inf else min(wake_at, monotonic() + limit)
        for descriptor, _ in self._pump.wait(self._epoll, until):
            handler = self._handlers.get(descriptor)
            if handler is not None:
                handler()
        if wake_at != inf:
            now = monotonic()
            if now >= wake_at:
                self.device.handle_timeout(now)
        self._drain()

    def _drain(self) -> None:
        """Send and deliver what the device made by itself, tell its events."""
        self._pump.drain()
        device = self.device
        while (event := device.next_event()) is not None:
            describe(event)
            if type(event) is HandshakeInitiated:
                self._timestamps.save(device.timestamp_floor, monotonic())

    # --- the interface -----------------------------------------------------------------

    def _on_link(self) -> None:
        state = self._monitor.changes()
        if state is not None:
            self._apply_link(state)

    def _on_clock(self) -> None:
        if self._clock_steps.stepped():
            log.info("the clock was set")
            self.device.set_wall_clock(wall_epoch())

    def _on_paths(self) -> None:
        if self._paths.changed():
            self._bind.forget_paths()

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

    def _refuse(self, packet: bytes) -> bool:
        # the sockets stayed behind when the interface was moved
        return self._monitor.is_home and self._icmp.send(packet)

    def _gone(self) -> None:
        if self.running:
            log.info("interface %s is gone", self._tun.name)
        self.running = False

    def _rebind(self, port: int, mark: int) -> None:
        self._unbind()
        self.device.listen_port = self._bind.open(port, mark)
        for descriptor in self._bind.descriptors():
            self._watch(descriptor, partial(self._pump.on_udp, descriptor))

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

    def _figures(self, first: int) -> Figures:
        """What the metrics show: interface name, device and counters of this loop."""
        refused = self._listener.refused if self._listener is not None else 0
        counters = {**self._pump.errors, "control_refused": refused}
        return Figures(self._tun.name, self.device.status(first, PAGE), counters)

    # --- descriptors -------------------------------------------------------------------

    def _watch(self, descriptor: int, handler: Callable[[], None]) -> None:
        self._handlers[descriptor] = handler
        self._epoll.register(descriptor, _READABLE)

    def _unwatch(self, descriptor: int) -> None:
        if self._handlers.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def _catch_signals(self) -> socket.socket:
        """Make SIGTERM and SIGINT end the loop, SIGUSR1 change the log level, and SIGHUP nothing,
        since there is no file to read again; the socket returned wakes the loop."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.detach(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())
        verbose = VerboseSwitch()
        signal.signal(signal.SIGUSR1, lambda *_: verbose.flip())
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        return ours

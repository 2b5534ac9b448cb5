"""Prometheus figures over HTTP, served by a process beside the engine's.

A scrape of thousands of peers takes longer than a packet may wait, and a reader may take as
long as it likes: the data path must not notice. The process is forked from the engine, has no
rights, and asks over a socket pair (`metrics_feed`). `prometheus_client` is imported there.
Peers are labelled with their public keys, which are no secret; no address is shown.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from meshc.engine.io import metrics_feed, privileges
from meshc.engine.io.metrics_feed import Asked, Figures
from meshc.engine.proto.device_status import DeviceStatus
from meshc.keys import encode

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

log = logging.getLogger(__name__)

Watch = Callable[[int, Callable[[], None]], None]

# How long a reader may be silent, and how many are served at a time.
_PATIENCE = 5.0
_MAX_READERS = 256
_PR_SET_PDEATHSIG = 1


class MetricsServer:
    """A listening socket, and from `attach` on the process that answers `GET /metrics` there."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._feed: socket.socket | None = None
        self._pid = 0

    @classmethod
    def listen(cls, address: str) -> MetricsServer:
        """Listen on `HOST:PORT`, `[HOST]:PORT` or `:PORT`. Raises ValueError, OSError."""
        host, colon, port = address.rpartition(":")
        if not colon or not port.isdigit() or int(port) > 0xFFFF:
            raise ValueError(f"{address!r} is not HOST:PORT")
        host = host.removeprefix("[").removesuffix("]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return cls(socket.create_server((host, int(port)), family=family, backlog=128))

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._sock.getsockname()[:2]
        return host, port

    def attach(self, watch: Watch, unwatch: Callable[[int], None], asked: Asked) -> None:
        """Start the process; the loop that watches descriptors gives it what it asks for."""
        feed, theirs = metrics_feed.pair()
        self._pid = os.fork()
        if not self._pid:
            _serve(self._sock, theirs)
        theirs.close()
        self._sock.close()
        self._feed = feed

        def on_question() -> None:
            if not metrics_feed.answer(feed, asked):
                unwatch(feed.fileno())
                log.error("the process that serves metrics has ended")

        watch(feed.fileno(), on_question)

    def close(self) -> None:
        """Stop serving."""
        self._sock.close()
        if self._feed is not None:
            self._feed.close()
            self._feed = None
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._pid = 0


def _serve(listener: socket.socket, feed: socket.socket) -> None:
    """Answer readers until the engine ends; never returns."""
    try:
        kept = {0, 1, 2, listener.fileno(), feed.fileno()}
        for name in os.listdir("/proc/self/fd"):
            if int(name) not in kept:
                # the listing's own descriptor is closed by now
                with contextlib.suppress(OSError):
                    os.close(int(name))
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        privileges.drop(kept=())
        # in this order: giving up rights resets it
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.nice(10)
        MetricsPage(listener, feed).serve_forever()
    finally:
        os._exit(1)


class MetricsPage(ThreadingHTTPServer):
    """What listens in that process: a thread a reader, so that none has to wait for another."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, feed: socket.socket) -> None:
        super().__init__(listener.getsockname()[:2], _Reader, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self._feed = feed
        self._asking = threading.Lock()
        self._places = threading.BoundedSemaphore(_MAX_READERS)

    def page(self) -> bytes:
        """The figures now. Raises OSError, EOFError when the engine does not answer."""
        with self._asking:
            figures = metrics_feed.ask(self._feed)
        return exposition(figures)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("a reader of the metrics went away", exc_info=True)


class _Reader(BaseHTTPRequestHandler):
    """One connection, one request."""

    timeout = _PATIENCE
    server: MetricsPage

    def do_GET(self) -> None:
        if self.path.partition("?")[0] not in ("/metrics", "/"):
            self._reply(404, b"")
            return
        try:
            page = self.server.page()
        except (OSError, EOFError):
            self._reply(503, b"")
            return
        self._reply(200, page)

    def version_string(self) -> str:
        return "meshc"

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def exposition(figures: Figures) -> bytes:
    """The figures in Prometheus' text format."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.registry import Collector

    class Snapshot(Collector):
        """The device as it was when the scrape came."""

        def collect(self) -> Iterable[Metric]:
            return _metrics(*figures)

    registry = CollectorRegistry()
    registry.register(Snapshot())
    return generate_latest(registry)


def _metrics(interface: str, status: DeviceStatus, shell: dict[str, int]) -> list[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    peer_labels = ["interface", "public_key"]
    received = CounterMetricFamily(
        "wireguard_received_bytes", "UDP payload received from the peer", labels=peer_labels
    )
    sent = CounterMetricFamily(
        "wireguard_sent_bytes", "UDP payload sent to the peer", labels=peer_labels
    )
    handshake = GaugeMetricFamily(
        "wireguard_latest_handshake_seconds",
        "Unix time of the latest handshake, 0 for never",
        labels=peer_labels,
    )
    roamed = CounterMetricFamily(
        "wireguard_endpoint_changes", "Changes of the peer's endpoint", labels=peer_labels
    )
    for peer in status.peers:
        labels = [interface, encode(peer.public_key)]
        received.add_metric(labels, peer.rx_bytes)
        sent.add_metric(labels, peer.tx_bytes)
        handshake.add_metric(labels, peer.last_handshake / 1e9)
        roamed.add_metric(labels, peer.roamed)
    drops = CounterMetricFamily(
        "wireguard_drops", "Packets and messages dropped", labels=["interface", "reason"]
    )
    for reason, count in sorted(status.drops.items()):
        drops.add_metric([interface, reason], count)
    errors = CounterMetricFamily(
        "wireguard_io_errors", "Reads and writes that failed", labels=["interface", "kind"]
    )
    for kind, count in sorted(shell.items()):
        errors.add_metric([interface, kind], count)
    peers = GaugeMetricFamily("wireguard_peers", "Configured peers", labels=["interface"])
    peers.add_metric([interface], status.total)
    load = GaugeMetricFamily(
        "wireguard_under_load", "1 while handshakes need a cookie", labels=["interface"]
    )
    load.add_metric([interface], int(status.under_load))
    return [received, sent, handshake, roamed, drops, errors, peers, load]

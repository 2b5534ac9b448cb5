"""Prometheus figures over HTTP, served from the engine's own loop.

`prometheus_client` is imported when the first server is made: an engine without metrics does
not carry it. Peers are labelled with their public keys, which are no secret; no address is
shown.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from meshc.engine.proto.device_status import DeviceStatus

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

Figures = Callable[[], tuple[str, DeviceStatus, dict[str, int]]]
Watch = Callable[[int, Callable[[], None]], None]

_MAX_REQUEST = 8192
_MAX_CLIENTS = 16


class MetricsServer:
    """A small HTTP server for `GET /metrics`; it answers one request a connection."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._clients: dict[int, tuple[socket.socket, bytearray]] = {}
        self._watch: Watch = lambda descriptor, handler: None
        self._unwatch: Callable[[int], None] = lambda descriptor: None
        self._figures: Figures | None = None

    @classmethod
    def listen(cls, address: str) -> MetricsServer:
        """Listen on `HOST:PORT`, `[HOST]:PORT` or `:PORT`. Raises ValueError, OSError."""
        host, colon, port = address.rpartition(":")
        if not colon or not port.isdigit() or int(port) > 0xFFFF:
            raise ValueError(f"{address!r} is not HOST:PORT")
        host = host.removeprefix("[").removesuffix("]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.create_server((host, int(port)), family=family)
        sock.setblocking(False)
        import prometheus_client  # noqa: F401  (the memory is spent now or never)

        return cls(sock)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._sock.getsockname()[:2]
        return host, port

    def attach(self, watch: Watch, unwatch: Callable[[int], None], figures: Figures) -> None:
        """Serve from a loop that watches descriptors; `figures` gives what to show."""
        self._watch, self._unwatch, self._figures = watch, unwatch, figures
        watch(self._sock.fileno(), self._on_connect)

    def close(self) -> None:
        """Stop serving."""
        for sock, _ in self._clients.values():
            sock.close()
        self._clients.clear()
        self._sock.close()

    def _on_connect(self) -> None:
        try:
            sock, _ = self._sock.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        if len(self._clients) >= _MAX_CLIENTS:
            sock.close()
            return
        sock.setblocking(False)
        descriptor = sock.fileno()
        self._clients[descriptor] = (sock, bytearray())
        self._watch(descriptor, lambda: self._on_client(descriptor))

    def _on_client(self, descriptor: int) -> None:
        sock, request = self._clients[descriptor]
        try:
            data = sock.recv(_MAX_REQUEST)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        request += data
        if data and b"\r\n\r\n" not in request and len(request) < _MAX_REQUEST:
            return
        self._unwatch(descriptor)
        del self._clients[descriptor]
        with sock:
            if data:
                # A scrape fits the socket's buffer but with thousands of peers: give the
                # reader a moment rather than keep a queue for it.
                sock.settimeout(0.5)
                try:
                    sock.sendall(self._respond(bytes(request)))
                except OSError:
                    return  # the reader went away

    def _respond(self, request: bytes) -> bytes:
        method, _, rest = request.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if method != b"GET" or path not in (b"/metrics", b"/") or self._figures is None:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        body = exposition(*self._figures())
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + body


def exposition(interface: str, status: DeviceStatus, shell: dict[str, int]) -> bytes:
    """The figures in Prometheus' text format; `shell` counts errors of the loop by kind."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.registry import Collector

    class Snapshot(Collector):
        """The device as it was when the scrape came."""

        def collect(self) -> Iterable[Metric]:
            return _metrics(interface, status, shell)

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
    for peer, moves in zip(status.state.peers, status.roamed, strict=True):
        labels = [interface, peer.public_key]
        received.add_metric(labels, peer.rx_bytes)
        sent.add_metric(labels, peer.tx_bytes)
        handshake.add_metric(labels, peer.handshake)
        roamed.add_metric(labels, moves)
    drops = CounterMetricFamily(
        "wireguard_drops", "Packets and messages dropped", labels=["interface", "reason"]
    )
    for reason, count in sorted(status.drops.items()):
        drops.add_metric([interface, str(reason)], count)
    errors = CounterMetricFamily(
        "wireguard_io_errors", "Reads and writes that failed", labels=["interface", "kind"]
    )
    for kind, count in sorted(shell.items()):
        errors.add_metric([interface, kind], count)
    peers = GaugeMetricFamily("wireguard_peers", "Configured peers", labels=["interface"])
    peers.add_metric([interface], len(status.state.peers))
    load = GaugeMetricFamily(
        "wireguard_under_load", "1 while handshakes need a cookie", labels=["interface"]
    )
    load.add_metric([interface], int(status.under_load))
    return [received, sent, handshake, roamed, drops, errors, peers, load]

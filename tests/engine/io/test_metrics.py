from __future__ import annotations

import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.engine.io import metrics_feed
from meshc.engine.io.metrics import MetricsPage, MetricsServer, exposition
from meshc.engine.io.metrics_feed import Figures
from meshc.engine.proto.device_status import DeviceStatus, PeerCounters
from meshc.keys import PublicKey
from tests.support.enginenet import ENGINE, ROOT, SOCKETS, Net, wait_for

KEY = PublicKey("A" * 43 + "=")
STATUS = DeviceStatus(
    peers=(PeerCounters(KEY.raw, 11, 22, 1_800_000_000_500_000_000, 4),),
    total=1,
    under_load=True,
    drops={"no_peer": 3},
)
FIGURES = Figures("wg0", STATUS, {"udp_send": 5})


def test_the_figures_of_a_peer_are_shown() -> None:
    text = exposition(FIGURES).decode()

    label = f'interface="wg0",public_key="{"A" * 43}="'
    for line in (
        f"wireguard_received_bytes_total{{{label}}} 11.0",
        f"wireguard_sent_bytes_total{{{label}}} 22.0",
        f"wireguard_latest_handshake_seconds{{{label}}} 1.8000000005e+09",
        f"wireguard_endpoint_changes_total{{{label}}} 4.0",
        'wireguard_drops_total{interface="wg0",reason="no_peer"} 3.0',
        'wireguard_io_errors_total{interface="wg0",kind="udp_send"} 5.0',
        'wireguard_peers{interface="wg0"} 1.0',
        'wireguard_under_load{interface="wg0"} 1.0',
    ):
        assert line in text


class Engine(threading.Thread):
    """As much of an engine as the page needs: it answers on the feed."""

    def __init__(self, feed: socket.socket) -> None:
        super().__init__(daemon=True)
        self.feed = feed
        self.asked: list[int] = []

    def run(self) -> None:
        self.feed.setblocking(True)
        while metrics_feed.answer(self.feed, self._figures):
            pass

    def _figures(self, first: int) -> Figures:
        self.asked.append(first)
        return FIGURES if not first else FIGURES._replace(status=STATUS._replace(peers=()))


@pytest.fixture
def served() -> Iterator[tuple[str, int]]:
    ours, theirs = metrics_feed.pair()
    with socket.create_server(("127.0.0.1", 0)) as listener, ours, theirs:
        page = MetricsPage(listener, theirs)
        threading.Thread(target=page.serve_forever, args=(0.02,), daemon=True).start()
        engine = Engine(ours)
        engine.start()
        yield listener.getsockname()
        page.shutdown()
        theirs.close()
        engine.join(5)


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /metrics HTTP/1.1", b"200"),
        (b"GET /metrics?x=1 HTTP/1.1", b"200"),
        (b"GET /secret HTTP/1.1", b"404"),
        (b"POST /metrics HTTP/1.1", b"501"),
        (b"GET nonsense HTTP/1.1", b"404"),
    ],
)
def test_a_scrape_over_http(served: tuple[str, int], request_line: bytes, status: bytes) -> None:
    reply = b""
    with socket.create_connection(served, timeout=30) as client:
        client.sendall(request_line + b"\r\nHost: x\r\n\r\n")
        while data := client.recv(65536):
            reply += data

    head, _, body = reply.partition(b"\r\n\r\n")
    assert head.split()[1] == status
    assert (b"wireguard_peers" in body) == (status == b"200")
    assert f"Content-Length: {len(body)}".encode() in head


def test_readers_that_say_nothing_hold_nobody_up(served: tuple[str, int]) -> None:
    idle = [socket.create_connection(served, timeout=30) for _ in range(40)]

    with urllib.request.urlopen("http://{}:{}/metrics".format(*served), timeout=4) as reply:
        assert b"wireguard_peers" in reply.read()
    for each in idle:
        each.close()


def test_without_an_answer_of_the_engine_the_page_says_so() -> None:
    ours, theirs = metrics_feed.pair()
    with socket.create_server(("127.0.0.1", 0)) as listener, theirs:
        ours.close()
        page = MetricsPage(listener, theirs)
        threading.Thread(target=page.serve_forever, args=(0.02,), daemon=True).start()
        address = "http://{}:{}/metrics".format(*listener.getsockname())
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(address, timeout=30)
        page.shutdown()


@pytest.mark.parametrize("address", ["", "localhost", "localhost:http", "127.0.0.1:70000"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="not HOST:PORT"):
        MetricsServer.listen(address)


def test_ipv6_addresses_are_bracketed() -> None:
    server = MetricsServer.listen("[::1]:0")

    assert server.address[0] == "::1"
    server.close()


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    with Net(tmp_path) as net:
        yield net


@pytest.mark.root
def test_metrics_are_served_beside_the_traffic(net: Net) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    interface = net.interfaces["a"]
    process = subprocess.Popen(
        [*ENGINE, "-f", "--metrics", f"127.0.0.1:{port}", interface],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    net.processes["a"] = process
    try:
        wait_for((SOCKETS / f"{interface}.sock").exists, "the control socket")
        idle = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(20)]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=4) as reply:
            text = reply.read().decode()
        for each in idle:
            each.close()
    finally:
        process.terminate()
    assert process.wait(5) == 0
    assert f'wireguard_peers{{interface="{interface}"}} 0.0' in text
    assert not listening(port), "its process ends with it"


@pytest.mark.root
def test_the_process_that_shows_metrics_ends_with_a_killed_engine(net: Net) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    interface = net.interfaces["a"]
    process = subprocess.Popen(
        [*ENGINE, "-f", "--metrics", f"127.0.0.1:{port}", interface], cwd=ROOT
    )
    wait_for(lambda: listening(port), "the port")

    process.kill()
    process.wait(5)

    wait_for(lambda: not listening(port), "its end")
    (SOCKETS / f"{interface}.sock").unlink(missing_ok=True)


def listening(port: int) -> bool:
    with socket.socket() as sock:
        return not sock.connect_ex(("127.0.0.1", port))

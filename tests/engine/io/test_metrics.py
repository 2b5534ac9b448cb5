from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from meshc.engine.io.metrics import MetricsServer, exposition
from meshc.engine.proto.device_status import DeviceStatus
from meshc.engine.proto.drop_reason import DropReason
from meshc.keys import PresharedKey, PrivateKey, PublicKey
from meshc.wg.device_values import DeviceState, PeerState
from meshc.wg.endpoint import Endpoint

KEY = PrivateKey(bytes([7]) * 32)
PSK = PresharedKey(bytes([9]) * 32)
STATUS = DeviceStatus(
    state=DeviceState(
        private_key=KEY,
        listen_port=51820,
        peers=(
            PeerState(
                PublicKey("A" * 43 + "="),
                preshared_key=PSK,
                endpoint=Endpoint("192.0.2.77", 1),
                last_handshake=1_800_000_000_500_000_000,
                rx_bytes=11,
                tx_bytes=22,
            ),
        ),
    ),
    under_load=True,
    drops={DropReason.NO_PEER: 3},
    roamed=(4,),
)


def test_the_figures_of_a_peer_are_shown_and_nothing_secret() -> None:
    text = exposition("wg0", STATUS, {"udp_send": 5}).decode()

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
    assert "192.0.2.77" not in text
    assert KEY.raw.hex() not in text
    assert PSK.raw.hex() not in text


class Loop:
    """As much of a loop as a server needs: call `turn` and it handles what is readable."""

    def __init__(self) -> None:
        self.handlers: dict[int, Callable[[], None]] = {}

    def turn(self) -> None:
        for handler in list(self.handlers.values()):
            handler()


@pytest.fixture
def served():  # type: ignore[no-untyped-def]
    server = MetricsServer.listen("127.0.0.1:0")
    loop = Loop()
    server.attach(
        lambda descriptor, handler: loop.handlers.update({descriptor: handler}),
        lambda descriptor: loop.handlers.pop(descriptor, None) and None,
        lambda: ("wg0", STATUS, {}),
    )
    yield server, loop
    server.close()


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /metrics HTTP/1.1", b"200"),
        (b"GET /metrics?x=1 HTTP/1.1", b"200"),
        (b"GET /secret HTTP/1.1", b"404"),
        (b"POST /metrics HTTP/1.1", b"404"),
        (b"nonsense", b"404"),
    ],
)
def test_a_scrape_over_http(served, request_line: bytes, status: bytes) -> None:  # type: ignore[no-untyped-def]
    server, loop = served
    with socket.create_connection(server.address, timeout=5) as client:
        loop.turn()
        client.sendall(request_line + b"\r\nHost: x\r\n\r\n")
        loop.turn()
        reply = b""
        while data := client.recv(65536):
            reply += data

    head, _, body = reply.partition(b"\r\n\r\n")
    assert head.split()[1] == status
    assert (b"wireguard_peers" in body) == (status == b"200")
    assert f"Content-Length: {len(body)}".encode() in head
    assert len(loop.handlers) == 1


def test_a_reader_that_goes_away_is_forgotten(served) -> None:  # type: ignore[no-untyped-def]
    server, loop = served
    with socket.create_connection(server.address, timeout=5):
        loop.turn()
        assert len(loop.handlers) == 2
    loop.turn()

    assert len(loop.handlers) == 1


@pytest.mark.parametrize("address", ["", "localhost", "localhost:http", "127.0.0.1:70000"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="not HOST:PORT"):
        MetricsServer.listen(address)


def test_ipv6_addresses_are_bracketed() -> None:
    server = MetricsServer.listen("[::1]:0")

    assert server.address[0] == "::1"
    server.close()

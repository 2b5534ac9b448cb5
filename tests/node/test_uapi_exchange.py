"""UAPI text over a socket: answers, refusals, and a socket that nobody answers on."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from meshc.errors import NodeError
from meshc.keys import PresharedKey, PrivateKey, PublicKey, encode
from meshc.node import uapi_exchange
from meshc.wg.device_values import DeviceUpdate

KEY = PrivateKey(bytes(range(32)))
PEER = PublicKey(encode(b"p" * 32))
PSK = PresharedKey(b"s" * 32)


def serve(server: socket.socket, answer: bytes, heard: list[bytes]) -> threading.Thread:
    """One exchange, in a thread that has ended when it is joined."""

    def run() -> None:
        stream, _ = server.accept()
        with stream:
            heard.append(stream.recv(4096))
            stream.sendall(answer)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("answer", "port"), [(b"listen_port=7\nerrno=0\n\n", 7), (b"errno=1\n\n", None), (b"", None)]
)
def test_a_device_is_read_or_it_is_said_why_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: bytes, port: int | None
) -> None:
    monkeypatch.setattr(uapi_exchange, "SOCKET_DIRECTORY", tmp_path)
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(tmp_path / "wg9.sock"))
        server.listen()
        thread = serve(server, answer, heard)
        if port is not None:
            assert uapi_exchange.read_device("wg9").listen_port == port
        else:
            with pytest.raises(NodeError, match=r"wg9.*errno"):
                uapi_exchange.read_device("wg9")
        thread.join()
    assert heard == [b"get=1\n\n"]


def test_no_socket_is_a_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(uapi_exchange, "SOCKET_DIRECTORY", tmp_path)
    with pytest.raises(NodeError, match="no answer from the engine of wg9") as caught:
        uapi_exchange.read_device("wg9")
    assert "meshc down wg9" in caught.value.hint


@pytest.mark.parametrize(("answer", "fine"), [(b"errno=0\n\n", True), (b"errno=22\n\n", False)])
def test_a_refused_setting_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: bytes, fine: bool
) -> None:
    monkeypatch.setattr(uapi_exchange, "SOCKET_DIRECTORY", tmp_path)
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(tmp_path / "wg9.sock"))
        server.listen()
        thread = serve(server, answer, heard)
        if fine:
            uapi_exchange.write_device("wg9", DeviceUpdate(KEY))
        else:
            with pytest.raises(NodeError, match="errno 22") as caught:
                uapi_exchange.write_device("wg9", DeviceUpdate(KEY))
            assert KEY.raw.hex() not in str(caught.value)
        thread.join()
    assert heard[0].startswith(b"set=1\nprivate_key=")


def test_only_a_socket_that_nobody_answers_on_is_removed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(uapi_exchange, "SOCKET_DIRECTORY", tmp_path)
    path = tmp_path / "wg9.sock"
    assert uapi_exchange.remove_stale_socket("wg9")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(path))
        server.listen()
        assert not uapi_exchange.remove_stale_socket("wg9")
        assert path.exists()
    assert uapi_exchange.remove_stale_socket("wg9")
    assert not path.exists()

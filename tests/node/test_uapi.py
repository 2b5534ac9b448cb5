"""The text of the userspace interface."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.errors import NodeError
from meshc.keys import PresharedKey, PrivateKey, PublicKey, encode
from meshc.node import uapi
from meshc.node.system_values import DeviceUpdate, PeerState, PeerUpdate
from meshc.prefixes import Prefix
from meshc.wg.conf import HostPort

KEY = PrivateKey(bytes(range(32)))
PEER = PublicKey(encode(b"p" * 32))
PSK = PresharedKey(b"s" * 32)


def test_set_is_written_as_the_specification_shows() -> None:
    peer = PeerUpdate(
        PEER,
        preshared_key=PSK,
        endpoint=HostPort("2001:db8::1", 51820),
        keepalive=25,
        allowed_ips=(Prefix.parse("10.0.0.0/8"), Prefix.parse("fd00::/8")),
        replace_allowed_ips=True,
    )
    gone = PeerUpdate(PublicKey(encode(b"q" * 32)), remove=True)
    text = uapi.format_set(DeviceUpdate(KEY, 51820, 7, (peer, gone)))
    assert text.split("\n") == [
        "set=1",
        f"private_key={bytes(range(32)).hex()}",
        "listen_port=51820",
        "fwmark=7",
        f"public_key={(b'p' * 32).hex()}",
        f"preshared_key={(b's' * 32).hex()}",
        "endpoint=[2001:db8::1]:51820",
        "persistent_keepalive_interval=25",
        "replace_allowed_ips=true",
        "allowed_ip=10.0.0.0/8",
        "allowed_ip=fd00::/8",
        f"public_key={(b'q' * 32).hex()}",
        "remove=true",
        "",
        "",
    ]


def test_get_is_read_whole() -> None:
    text = (
        f"private_key={bytes(range(32)).hex()}\nlisten_port=51820\nfwmark=51820\n"
        f"public_key={(b'q' * 32).hex()}\npreshared_key={'0' * 64}\nprotocol_version=1\n"
        f"public_key={(b'p' * 32).hex()}\npreshared_key={(b's' * 32).hex()}\n"
        "endpoint=[fe80::1%eth0]:7\nlast_handshake_time_sec=1700000000\n"
        "last_handshake_time_nsec=500000000\ntx_bytes=9\nrx_bytes=8\n"
        "persistent_keepalive_interval=25\nallowed_ip=fd00::/8\nallowed_ip=10.0.0.0/8\n"
        "errno=0\n\n"
    )
    device = uapi.parse_get(text)
    assert device.private_key == KEY
    assert (device.listen_port, device.fwmark) == (51820, 51820)
    assert device.peers == (
        PeerState(
            PEER,
            PSK,
            HostPort("fe80::1", 7),
            (Prefix.parse("10.0.0.0/8"), Prefix.parse("fd00::/8")),
            25,
            1700000000.5,
            8,
            9,
        ),
        PeerState(PublicKey(encode(b"q" * 32))),
    )


@pytest.mark.parametrize("text", ["errno=22\n\n", "", "listen_port=1\n\n"])
def test_an_answer_without_success_is_an_error(text: str) -> None:
    with pytest.raises(NodeError, match="errno"):
        uapi.parse_get(text)


@given(st.binary(min_size=32, max_size=32), st.integers(0, 65535), st.integers(0, 2**32 - 1))
def test_what_is_set_is_what_is_read(raw: bytes, port: int, mark: int) -> None:
    text = uapi.format_set(DeviceUpdate(PrivateKey(raw), port, mark)).replace("set=1\n", "")
    device = uapi.parse_get(text.rstrip("\n") + "\nerrno=0\n\n")
    assert device.private_key == (PrivateKey(raw) if any(raw) else None)
    assert (device.listen_port, device.fwmark) == (port, mark)


def test_no_socket_is_a_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(uapi, "SOCKET_DIRECTORY", tmp_path)
    with pytest.raises(NodeError, match="no answer from the engine of wg9") as caught:
        uapi.read_device("wg9")
    assert "meshc down wg9" in caught.value.hint


@pytest.mark.parametrize(("answer", "fine"), [(b"errno=0\n\n", True), (b"errno=22\n\n", False)])
def test_a_refused_setting_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: bytes, fine: bool
) -> None:
    monkeypatch.setattr(uapi, "SOCKET_DIRECTORY", tmp_path)
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(tmp_path / "wg9.sock"))
        server.listen()

        def serve() -> None:
            stream, _ = server.accept()
            with stream:
                heard.append(stream.recv(4096))
                stream.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        if fine:
            uapi.write_device("wg9", DeviceUpdate(KEY))
        else:
            with pytest.raises(NodeError, match="errno 22") as caught:
                uapi.write_device("wg9", DeviceUpdate(KEY))
            assert KEY.raw.hex() not in str(caught.value)
        thread.join()
    assert heard[0].startswith(b"set=1\nprivate_key=")


def test_only_a_socket_that_nobody_answers_on_is_removed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(uapi, "SOCKET_DIRECTORY", tmp_path)
    path = tmp_path / "wg9.sock"
    assert uapi.remove_stale_socket("wg9")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(path))
        server.listen()
        assert not uapi.remove_stale_socket("wg9")
        assert path.exists()
    assert uapi.remove_stale_socket("wg9")
    assert not path.exists()

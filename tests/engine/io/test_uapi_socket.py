from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

import pytest

from meshc.engine.io.uapi_socket import SocketInUse, UapiClient, UapiListener


def connect(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(path)
    sock.settimeout(30)
    return sock


def accept(listener: UapiListener) -> None:
    """Take the client that waits, or fail: the probe of a second listener may come first."""
    client = listener.accept()
    assert client is not None
    client.close()


def answer(operation: str, body: str) -> tuple[str, int]:
    return f"{operation}:{body}", 0 if operation == "get" else errno.EINVAL


def test_the_socket_is_private_and_removed(tmp_path: Path) -> None:
    listener = UapiListener.create("wg0", str(tmp_path / "wireguard"))

    mode = stat.S_IMODE(os.stat(listener.path).st_mode)
    assert listener.path == str(tmp_path / "wireguard" / "wg0.sock")
    assert mode == 0o600
    listener.close()
    assert not os.path.exists(listener.path)


def test_a_stale_socket_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    dead.bind(str(tmp_path / "wg0.sock"))
    dead.close()

    listener = UapiListener.create("wg0", str(tmp_path))
    with pytest.raises(SocketInUse):
        UapiListener.create("wg0", str(tmp_path))

    with connect(listener.path):
        accept(listener)  # the live one still serves
    listener.close()


def test_the_umask_is_put_back(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        UapiListener.create("wg0", str(tmp_path)).close()
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


def test_removal_of_the_file_is_noticed_and_a_successor_is_left_alone(tmp_path: Path) -> None:
    listener = UapiListener.create("wg0", str(tmp_path))
    assert not listener.removed()

    os.unlink(listener.path)
    assert listener.removed()
    successor = UapiListener.create("wg0", str(tmp_path))
    listener.close()

    assert os.path.exists(successor.path)
    successor.close()


def test_touching_the_file_is_not_removal(tmp_path: Path) -> None:
    listener = UapiListener.create("wg0", str(tmp_path))

    os.utime(listener.path)

    assert not listener.removed()
    listener.close()


def test_an_adopted_listener_serves(tmp_path: Path) -> None:
    given = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    given.bind(str(tmp_path / "x.sock"))
    given.listen()

    listener = UapiListener.adopt(given.detach())

    with connect(str(tmp_path / "x.sock")):
        accept(listener)
    assert listener.accept() is None
    listener.close()


def client_pair() -> tuple[socket.socket, UapiClient]:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    ours.settimeout(30)
    return ours, UapiClient(theirs, answer)


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_requests_are_answered_however_they_are_cut(size: int) -> None:
    ours, client = client_pair()
    request = b"get=1\n\nset=1\na=b\nc=d\n\n"
    for at in range(0, len(request), size):
        ours.sendall(request[at : at + size])
        assert client.readable()

    assert ours.recv(1000) == b"get:errno=0\n\nset:a=b\nc=d\nerrno=-22\n\n"
    ours.close()
    assert not client.readable(), "the other side hung up"
    client.sock.close()


def test_a_request_may_end_with_the_end_of_what_is_said() -> None:
    ours, client = client_pair()
    ours.sendall(b"set=1\na=b\n")
    ours.shutdown(socket.SHUT_WR)

    assert client.readable()
    assert not client.readable(), "it is answered, and that was all"

    assert ours.recv(100) == b"set:a=b\nerrno=-22\n\n"
    ours.close()
    client.sock.close()


def test_half_a_line_is_no_request() -> None:
    ours, client = client_pair()
    ours.sendall(b"set=1\na=b\nc")
    ours.shutdown(socket.SHUT_WR)

    assert client.readable()
    assert not client.readable()

    client.sock.close()
    assert ours.recv(100) == b""
    ours.close()


def test_an_unknown_operation_is_refused() -> None:
    ours, client = client_pair()
    ours.sendall(b"delete=1\n\n")

    assert client.readable()

    assert ours.recv(100) == b"errno=-22\n\n"
    ours.close()
    client.sock.close()


def test_bytes_that_are_no_text_are_answered() -> None:
    ours, client = client_pair()
    ours.sendall(b"\xff\xfe=\x00\n\n")

    assert client.readable()

    assert ours.recv(100) == b"errno=-22\n\n"
    ours.close()
    client.sock.close()


def test_a_long_reply_waits_for_its_reader() -> None:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    ours.settimeout(30)
    client = UapiClient(theirs, lambda operation, body: ("x" * 5_000_000, 0))
    ours.sendall(b"get=1\n\n")
    assert client.readable()

    received = bytearray()
    waited = client.wants_write
    while not received.endswith(b"errno=0\n\n"):
        received += ours.recv(1 << 20)
        assert client.writable()

    assert waited
    assert len(received) == 5_000_000 + len("errno=0\n\n")
    ours.close()
    client.sock.close()

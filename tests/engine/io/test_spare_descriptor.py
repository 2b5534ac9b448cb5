from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator

import pytest

from meshc.engine.io.spare_descriptor import SpareDescriptor


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.setblocking(False)
        yield sock


@pytest.fixture
def exhausted() -> Iterator[list[int]]:
    """The limit on descriptors lies a little above what is open; the list is to be filled."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    yield taken
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
    for descriptor in taken:
        os.close(descriptor)


def take_all(taken: list[int]) -> None:
    highest = os.open(os.devnull, os.O_RDONLY)
    taken.append(highest)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 5, limit))
    try:
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return


def test_a_client_is_accepted_and_does_not_block(listener: socket.socket) -> None:
    spare = SpareDescriptor()
    assert spare.accept(listener) is None, "nobody waits"
    with socket.create_connection(listener.getsockname()):
        client = spare.accept(listener)

    assert client is not None
    assert not client.getblocking()
    assert spare.refused == 0
    client.close()
    spare.close()


def test_without_descriptors_who_waits_is_turned_away(
    listener: socket.socket, exhausted: list[int]
) -> None:
    """Left waiting, they would keep the listening socket readable and the loop turning."""
    spare = SpareDescriptor()
    clients = [socket.create_connection(listener.getsockname(), timeout=30) for _ in range(3)]
    take_all(exhausted)

    for number in range(1, 4):
        assert spare.accept(listener) is None
        assert spare.refused == number
    for client in clients:
        assert client.recv(1) == b"", "it is told at once"
        client.close()
    with pytest.raises(BlockingIOError):
        listener.accept()
    os.close(exhausted.pop())
    os.close(exhausted.pop())

    with socket.create_connection(listener.getsockname()):
        later = spare.accept(listener)
    assert later is not None, "and when there are some again, it serves"
    later.close()
    spare.close()

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from meshc.engine.io.socket_pair import bind_pair


@pytest.fixture
def sockets() -> Iterator[dict[int, socket.socket]]:
    pair = bind_pair(0, 0)
    yield pair
    for sock in pair.values():
        sock.close()


def test_both_families_share_the_port(sockets: dict[int, socket.socket]) -> None:
    assert set(sockets) == {4, 6}
    assert len({sock.getsockname()[1] for sock in sockets.values()}) == 1


def test_outer_ipv4_may_be_cut_on_its_way(sockets: dict[int, socket.socket]) -> None:
    # ip(7): IP_MTU_DISCOVER, IP_PMTUDISC_DONT
    assert sockets[4].getsockopt(socket.IPPROTO_IP, 10) == 0


def test_a_port_that_is_taken_leaves_nothing_open(sockets: dict[int, socket.socket]) -> None:
    with pytest.raises(OSError, match="in use"):
        bind_pair(sockets[4].getsockname()[1], 0)

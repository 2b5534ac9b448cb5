"""The socket of a door: both families, and nothing that it meets raises."""

from __future__ import annotations

import select

import pytest

from meshc.agent.door_socket import DoorSocket
from meshc.engine.proto.udp_path import UdpPath
from meshc.errors import NodeError


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_datagrams_go_and_come_in_either_family(host: str) -> None:
    one, other = DoorSocket(), DoorSocket()
    try:
        one.send([(UdpPath(host, other.port), [b"a", b"b"])])
        got: list[tuple[bytes, UdpPath]] = []
        while len(got) < 2 and select.select([other], [], [], 20)[0]:
            got += other.arrived()
        assert got == [(b"a", UdpPath(host, one.port)), (b"b", UdpPath(host, one.port))]
        other.send([(got[0][1], [b"back"])])
        assert select.select([one], [], [], 20)[0]
        assert [data for data, _ in one.arrived()] == [b"back"]
        one.send([(UdpPath("192.0.2.255", 0), [b"nowhere"])])
    finally:
        one.close()
        other.close()


def test_a_port_that_is_taken_is_said() -> None:
    one = DoorSocket()
    try:
        with pytest.raises(NodeError, match=f"UDP port {one.port} cannot be taken"):
            DoorSocket(one.port)
    finally:
        one.close()

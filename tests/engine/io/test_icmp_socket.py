from __future__ import annotations

import errno
import socket

import pytest

from meshc.engine.io.icmp_socket import IcmpSocket
from meshc.engine.proto.unreachable import unreachable
from tests.support.packets import udp


def test_without_rights_the_packet_is_still_to_be_delivered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> socket.socket:
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(socket, "socket", refuse)
    sockets = IcmpSocket()

    assert not sockets.send(answer("127.0.0.1", "192.0.2.1", 9))
    sockets.close()


def answer(source: str, destination: str, port: int) -> bytes:
    """The error about a packet from here to a place that is not there."""
    error = unreachable(udp(b"question", source=source, destination=destination, sport=port))
    assert error is not None
    return error


@pytest.mark.root
@pytest.mark.parametrize("source", ["127.0.0.1", "::1"])
def test_who_asked_is_told(source: str) -> None:
    """The kernel finds the socket by what the error quotes."""
    sockets = IcmpSocket()
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.bind((source, 0))
        asking.connect((source, 2000))
        # ip(7): IP_RECVERR, and the same for IPv6
        level, option = (socket.IPPROTO_IPV6, 25) if ":" in source else (socket.IPPROTO_IP, 11)
        asking.setsockopt(level, option, 1)
        asking.settimeout(30)
        packet = answer(source, source, asking.getsockname()[1])

        assert sockets.send(packet)

        with pytest.raises(OSError, match=r"No route to host"):
            asking.recv(1)
    sockets.close()

"""A packet that opens our own NAT has the port of the device, and goes as far as it should."""

from __future__ import annotations

import os
import socket
import struct

import pytest

from meshc.agent.path_opener import open_path
from meshc.wg.endpoint import Endpoint

_IP_RECVTTL = 12  # linux/in.h


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_it_comes_from_the_port_of_the_device_with_as_many_hops_as_were_asked_for() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
        there.bind(("127.0.0.1", 0))
        there.settimeout(10)
        there.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)
        port = there.getsockname()[1]
        open_path(Endpoint("127.0.0.1", port), 3, 51820, 0)
        data, extra, _, sender = there.recvmsg(100, 100)
    assert data == b""
    assert sender == ("127.0.0.1", 51820)
    assert [struct.unpack("i", value) for _, _, value in extra] == [(3,)]


def test_what_cannot_be_sent_is_lost() -> None:
    """Nothing is mapped in IPv6; a place that no route leads to is as good as a lost packet."""
    open_path(Endpoint("2001:db8::1", 1), 2, 51820, 0)
    open_path(Endpoint("255.255.255.255", 1), 2, 51820, 0)

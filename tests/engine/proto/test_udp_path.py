from __future__ import annotations

import errno

import pytest

from meshc.engine.proto.udp_path import UdpPath
from meshc.errors import ConfigError
from meshc.wg.endpoint import Endpoint


def test_text_is_that_of_wg():
    assert str(UdpPath("192.0.2.1", 51820)) == "192.0.2.1:51820"
    assert str(UdpPath("2001:db8::1", 1)) == "[2001:db8::1]:1"
    assert str(UdpPath("fe80::1", 1, 3)) == "[fe80::1%3]:1"


def test_packed_is_address_and_port_big_endian():
    assert UdpPath("192.0.2.1", 258).packed() == bytes([192, 0, 2, 1, 1, 2])
    assert UdpPath("::1", 258).packed() == bytes(15) + b"\1\1\2"


def test_the_sticky_part_goes_away_and_the_place_stays():
    sticky = UdpPath("192.0.2.1", 1, source="192.0.2.9", interface=4)
    assert sticky.without_source() == UdpPath("192.0.2.1", 1)
    assert sticky.address == ("192.0.2.1", 1)
    plain = UdpPath("::1", 1)
    assert plain.without_source() is plain
    assert (sticky.family, plain.family) == (4, 6)


def test_a_configured_endpoint_is_a_path_and_back():
    for text, path in (
        ("192.0.2.1:5", UdpPath("192.0.2.1", 5)),
        ("[::ffff:192.0.2.1]:7", UdpPath("192.0.2.1", 7)),
        ("[fe80::1%4]:7", UdpPath("fe80::1", 7, 4)),
    ):
        endpoint = Endpoint.parse(text, numeric=True)
        assert UdpPath.to(endpoint) == path
        assert UdpPath.to(path.endpoint) == path


@pytest.mark.parametrize("host", ["host.example", "fe80::1%eth0", "fe80::1%", ""])
def test_a_path_needs_an_address(host):
    with pytest.raises(ConfigError) as caught:
        UdpPath.to(Endpoint(host, 1))
    assert caught.value.errno == errno.EINVAL

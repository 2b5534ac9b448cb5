from __future__ import annotations

from meshc.engine.proto.udp_path import UdpPath


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

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.lab.probe.leaks import ARP, IPV4, IPV6, FrameHeaders, describe, is_leak, parse_frame

ETHERNET = bytes(12)


def ipv4(protocol: int, payload: bytes, target: str = "192.0.2.9") -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0)
    return ETHERNET + b"\x08\x00" + head + bytes(4) + socket.inet_aton(target) + payload


def ipv6(following: int, payload: bytes, target: str = "2001:db8::9") -> bytes:
    head = struct.pack("!IHBB", 6 << 28, len(payload), following, 64)
    address = socket.inet_pton(socket.AF_INET6, target)
    return ETHERNET + b"\x86\xdd" + head + bytes(16) + address + payload


def udp(source: int, target: int) -> bytes:
    return struct.pack("!HHHH", source, target, 8, 0)


@pytest.mark.parametrize(
    ("frame", "leaks"),
    [
        pytest.param(ipv4(17, udp(51820, 51820)), False, id="wireguard"),
        pytest.param(ipv6(17, udp(51820, 40000)), False, id="wireguard-6"),
        pytest.param(ipv4(17, udp(40000, 53)), True, id="dns"),
        pytest.param(ipv6(6, struct.pack("!HH", 40000, 443)), True, id="tcp-6"),
        pytest.param(ipv4(1, b"\x08\x00\x00\x00"), True, id="ping"),
        pytest.param(ipv6(58, b"\x80\x00"), True, id="ping-6"),
        pytest.param(ipv6(58, b"\x87\x00"), False, id="neighbour-solicitation"),
        pytest.param(ipv6(0, bytes([58, 0, 0, 0, 0, 0, 0, 0, 143, 0])), False, id="mld"),
        pytest.param(ETHERNET + struct.pack("!H", ARP) + bytes(28), False, id="arp"),
    ],
)
def test_what_may_leave_an_exit_user(frame: bytes, leaks: bool) -> None:
    assert leaks == is_leak(parse_frame(frame), 51820)


def test_a_leak_is_named() -> None:
    assert describe(parse_frame(ipv4(17, udp(1, 53)))) == "IPv4 UDP to 192.0.2.9 port 53 (DNS)"
    assert describe(FrameHeaders(IPV6, 58, "2001:db8::9", 128)) == "IPv6 ICMPv6 to 2001:db8::9"
    assert describe(FrameHeaders(IPV4, 47, "192.0.2.1")) == "IPv4 protocol 47 to 192.0.2.1"


@given(st.binary(max_size=80))
def test_no_frame_raises(frame: bytes) -> None:
    assert isinstance(is_leak(parse_frame(frame), 51820), bool)


def test_what_is_left_out_of_the_exit_is_no_leak() -> None:
    frame = FrameHeaders(IPV4, 6, "198.51.100.9", 40_000, 443)
    assert is_leak(frame, 51820)
    assert not is_leak(frame, 51820, ("203.0.113.0/24", "198.51.100.0/24"))
    assert is_leak(frame, 51820, ("203.0.113.0/24", "2001:db8::/32"))


def test_a_ping_that_others_send_to_the_lan_behind_a_node_is_no_leak_of_its_own() -> None:
    """It may have waited at its sender for a session with the node."""
    lans = ("192.168.2.0/24",)
    for protocol, payload, target, leaks in (
        (1, bytes([8, 0, 0, 0]), "192.168.2.254", False),
        (1, bytes([8, 0, 0, 0]), "192.168.3.254", True),
        (17, udp(40000, 53), "192.168.2.254", True),
    ):
        frame = parse_frame(ipv4(protocol, payload, target))
        assert is_leak(frame, 51820, (), lans) is leaks, (protocol, target)

"""ICMP errors: right to the last checksum, and silent where the RFCs say so."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.engine.proto.unreachable import checksum, unreachable
from meshc.engine.testing import ipv4_packet, ipv6_packet


def slow_sum(data: bytes) -> int:
    total = 0
    for (word,) in struct.iter_unpack("!H", data + b"\0" * (len(data) % 2)):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total


@given(st.binary(max_size=99))
def test_checksum_makes_the_sum_all_ones(data):
    data += bytes(len(data) % 2)
    assert slow_sum(data + checksum(data).to_bytes(2, "big")) == 0xFFFF


def test_ipv4_answer():
    packet = ipv4_packet("10.0.0.1", "10.0.0.9", b"x" * 1000)
    answer = unreachable(packet)
    assert answer is not None
    assert len(answer) == 576 == int.from_bytes(answer[2:4], "big")
    assert answer[9] == 1
    assert (answer[12:16], answer[16:20]) == (packet[16:20], packet[12:16])
    assert answer[20:22] == bytes([3, 1])
    assert answer[28:] == packet[:548]
    assert slow_sum(answer[:20]) == 0xFFFF
    assert slow_sum(answer[20:]) == 0xFFFF


def test_ipv6_answer():
    packet = ipv6_packet("fd00::1", "fd00::9", b"x" * 1400)
    answer = unreachable(packet)
    assert answer is not None
    assert len(answer) == 1280
    assert (answer[8:24], answer[24:40]) == (packet[24:40], packet[8:24])
    assert (answer[6], answer[40:42]) == (58, bytes([1, 3]))
    assert answer[48:] == packet[:1232]
    pseudo = answer[8:40] + struct.pack("!IHBB", len(answer) - 40, 0, 0, 58)
    assert slow_sum(pseudo + answer[40:]) == 0xFFFF


def echo_v4(kind: int) -> bytes:
    packet = bytearray(ipv4_packet("10.0.0.1", "10.0.0.9", bytes([kind]) + bytes(7)))
    packet[9] = 1
    return bytes(packet)


def echo_v6(kind: int) -> bytes:
    packet = bytearray(ipv6_packet("fd00::1", "fd00::9", bytes([kind]) + bytes(7)))
    packet[6] = 58
    return bytes(packet)


def test_pings_are_answered_and_errors_are_not():
    assert unreachable(echo_v4(8)) is not None
    assert unreachable(echo_v4(3)) is None
    assert unreachable(echo_v4(11)) is None
    assert unreachable(echo_v6(128)) is not None
    assert unreachable(echo_v6(1)) is None


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        ("10.0.0.1", "224.0.0.251"),
        ("10.0.0.1", "255.255.255.255"),
        ("0.0.0.0", "10.0.0.9"),
        ("224.0.0.1", "10.0.0.9"),
        ("fd00::1", "ff02::1"),
        ("::", "fd00::9"),
        ("ff02::1", "fd00::9"),
    ],
)
def test_groups_and_nobody_get_no_answer(source, destination):
    make = ipv4_packet if ip_address(source).version == 4 else ipv6_packet
    assert unreachable(make(source, destination, b"x")) is None


def test_later_fragments_get_no_answer():
    packet = bytearray(ipv4_packet("10.0.0.1", "10.0.0.9", b"x"))
    packet[7] = 1
    assert unreachable(bytes(packet)) is None


@given(st.binary(max_size=80))
def test_anything_goes_in_without_an_exception(data):
    answer = unreachable(data)
    assert answer is None or len(answer) <= 1280


@given(st.binary(min_size=40, max_size=80), st.sampled_from((0x45, 0x4F, 0x60)))
def test_anything_that_looks_like_ip_goes_in_too(data, first):
    answer = unreachable(bytes([first]) + data[1:])
    assert answer is None or len(answer) <= 1280

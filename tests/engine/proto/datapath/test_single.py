"""The data path for one packet: what runs are measured against."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.engine.proto.allowedips import AllowedIPs
from meshc.engine.proto.datapath.single import destination_of, inner_length, open_datagram, seal
from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.testing import ipv4_packet, ipv6_packet
from meshc.prefixes import Prefix
from tests.support.sessions import INDEX_B, keypairs


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=20), st.sampled_from((0, 100, 1420)))
def test_what_is_sealed_opens_to_the_same_with_zero_padding(packets: list[bytes], mtu: int) -> None:
    sender, receiver = keypairs()
    for packet in packets:
        plain = open_datagram(receiver.opening, seal(sender.sealing, packet, mtu))
        assert isinstance(plain, bytes)
        assert plain == packet + bytes(len(plain) - len(packet))
        limit = mtu if mtu > 0 else len(packet) + 16
        assert len(plain) == len(packet) or len(plain) <= limit
        assert len(plain) % 16 == 0 or len(plain) >= mtu > 0
    assert sender.sealing.counter == len(packets)


def test_the_layout_is_that_of_5_4_6() -> None:
    sender, _ = keypairs()
    first, second = seal(sender.sealing, b"x" * 16, 0), seal(sender.sealing, b"", 0)
    assert first[:16] == struct.pack("<IIQ", 4, INDEX_B, 0)
    assert second[:16] == struct.pack("<IIQ", 4, INDEX_B, 1)
    assert (len(first), len(second)) == (48, 32)


def test_replays_and_forgeries_are_refused_and_the_rest_goes_on() -> None:
    sender, receiver = keypairs()
    first, second = (seal(sender.sealing, bytes([i]) * 16, 0) for i in range(2))
    forged = second[:-1] + bytes([second[-1] ^ 1])
    key = receiver.opening
    assert open_datagram(key, memoryview(first)) == bytes(16)
    assert open_datagram(key, first) is DropReason.REPLAYED
    assert open_datagram(key, forged) is DropReason.BAD_AEAD
    assert open_datagram(key, second) == b"\1" * 16, "a forgery does not use up the counter"


def routes() -> AllowedIPs[str]:
    table: AllowedIPs[str] = AllowedIPs()
    table.insert(Prefix.parse("10.0.0.0/24"), "a")
    table.insert(Prefix.parse("10.0.0.9/32"), "b")
    table.insert(Prefix.parse("fd00::/64"), "a")
    return table


@pytest.mark.parametrize(
    "packet",
    [ipv4_packet("10.0.0.1", "1.1.1.1", b"abc"), ipv6_packet("fd00::1", "fd00::2", b"abc")],
)
def test_an_inner_packet_is_as_long_as_it_says(packet: bytes) -> None:
    assert inner_length(packet + bytes(13), routes(), "a") == len(packet)
    assert inner_length(packet, routes(), "a") == len(packet)
    assert inner_length(packet[:-1], routes(), "a") is DropReason.INNER_MALFORMED


@pytest.mark.parametrize("first", [b"\x10", b"\x44", b"\x46", b"\x60"])
def test_an_inner_packet_that_lies_is_malformed(first: bytes) -> None:
    packet = first + ipv4_packet("10.0.0.1", "10.0.0.2")[1:]
    assert inner_length(packet, routes(), "a") is DropReason.INNER_MALFORMED
    assert inner_length(b"", routes(), "a") is DropReason.INNER_MALFORMED


@pytest.mark.parametrize("source", ["10.0.0.9", "9.9.9.9"])
def test_a_source_must_be_the_senders(source: str) -> None:
    packet = ipv4_packet(source, "1.1.1.1")
    assert inner_length(packet, routes(), "a") is DropReason.INNER_SOURCE


@given(st.binary(max_size=100), st.sampled_from((b"", b"\x45", b"\x46", b"\x60")))
def test_any_bytes_have_a_length_or_a_reason(data: bytes, first: bytes) -> None:
    packet = first + data
    length = inner_length(packet, routes(), "a")
    if not isinstance(length, DropReason):
        assert 20 <= length <= len(packet)
        assert destination_of(packet) is not None

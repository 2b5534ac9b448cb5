from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.engine.proto.allowedips import AllowedIPs
from meshc.engine.proto.datapath.single import destination_of, inner_length
from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.testing import ipv4_packet, ipv6_packet
from meshc.prefixes import Prefix


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

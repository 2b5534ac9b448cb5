from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshc.engine.proto.offload import (
    VNET_HDR_SIZE,
    VNET_NONE,
    VirtioNetHdr,
    checksum,
    complete_checksum,
    ip_length,
    padded_length,
    pseudo_header_sum,
)
from tests.support.packets import pseudo, slow_checksum, tcp, udp


@given(st.binary(max_size=3000))
def test_the_sum_is_the_one_computed_word_by_word(data: bytes) -> None:
    assert checksum(data) ^ 0xFFFF == slow_checksum(data)


@given(st.binary(max_size=100).map(lambda data: data * 2), st.binary(max_size=100))
def test_sums_of_parts_add_up(first: bytes, second: bytes) -> None:
    assert checksum(second, checksum(first)) == checksum(first + second)


def test_virtio_header_survives_packing() -> None:
    header = VirtioNetHdr(1, 4, 72, 1348, 40, 16)

    assert len(header.pack()) == VNET_HDR_SIZE
    assert VirtioNetHdr.parse(b"xx" + header.pack(), 2) == header
    assert VirtioNetHdr.parse(VNET_NONE) == VirtioNetHdr()


@given(st.sampled_from([tcp, udp]), st.binary(max_size=200), st.booleans())
def test_a_partial_checksum_is_completed(make, payload: bytes, is_v6: bool) -> None:  # type: ignore[no-untyped-def]
    addresses = {"source": "fd00::1", "destination": "fd00::2"} if is_v6 else {}
    expected = make(payload, **addresses)
    start = 40 if is_v6 else 20
    offset = 16 if make is tcp else 6
    packet = bytearray(expected)
    protocol = 6 if make is tcp else 17
    partial = pseudo_header_sum(expected, protocol, len(expected) - start)
    packet[start + offset : start + offset + 2] = partial.to_bytes(2, "big")

    assert complete_checksum(packet, start, offset)

    found = packet[start + offset : start + offset + 2]
    wanted = expected[start + offset : start + offset + 2]
    assert int.from_bytes(found, "big") % 0xFFFF == int.from_bytes(wanted, "big") % 0xFFFF


def test_a_checksum_outside_the_packet_is_refused() -> None:
    assert not complete_checksum(bytearray(30), 20, 16)


@given(st.binary(max_size=80), st.integers(0, 65535), st.integers(0, 65535))
def test_no_offsets_and_no_packet_make_checksums_raise(data: bytes, start: int, at: int) -> None:
    assert complete_checksum(bytearray(data), start, at) == (start + at + 2 <= len(data))


def test_the_pseudo_header_sum_is_that_of_its_bytes() -> None:
    for packet in (tcp(b"x"), tcp(b"x", source="fd00::1", destination="fd00::2")):
        assert pseudo_header_sum(packet, 6, 21) ^ 0xFFFF == slow_checksum(pseudo(packet, 6, 21))


@given(st.binary(max_size=100))
def test_ip_length_is_inside_the_packet_whatever_it_holds(data: bytes) -> None:
    length = ip_length(data, len(data))

    assert length == 0 or 20 <= length <= len(data)


def test_ip_length_leaves_the_padding_off() -> None:
    packet = udp(b"hello")

    assert ip_length(packet + bytes(11), len(packet) + 11) == len(packet)
    assert ip_length(packet, len(packet) - 1) == 0
    assert ip_length(b"\x44" + packet[1:], len(packet)) == 0, "a header of four words"
    six = udp(b"hello", source="fd00::1", destination="fd00::2")
    assert ip_length(six + bytes(3), len(six) + 3) == len(six)
    assert ip_length(six, len(six) - 1) == 0
    assert ip_length(b"\x15" + packet[1:], len(packet)) == 0


def test_padding_goes_to_sixteen_but_not_above_the_mtu() -> None:
    assert padded_length(0, 1420) == 0
    assert padded_length(1, 1420) == 16
    assert padded_length(1408, 1420) == 1408
    assert padded_length(1410, 1420) == 1420
    assert padded_length(1420, 1420) == 1420
    assert padded_length(1500, 1420) == 1500, "a packet above the MTU goes as it is"

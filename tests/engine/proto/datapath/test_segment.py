from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.engine.proto.datapath import segment
from meshc.engine.proto.datapath.segment import Segmentation, Segmenter
from meshc.engine.proto.offload import (
    GSO_TCPV4,
    GSO_TCPV6,
    GSO_UDP_L4,
    VirtioNetHdr,
    ip_length,
    padded_length,
)
from tests.support.packets import (
    ACK,
    CWR,
    DF,
    FIN,
    PSH,
    same_packet,
    slow_split,
    super_packet,
    tcp,
    udp,
)

SEGMENTER = Segmenter()
V6 = {"source": "fd00::1", "destination": "fd00::2"}


def wanted(packet: bytes, vnet: VirtioNetHdr) -> list[bytes]:
    """The slow way; nothing of tiny segments, and of too many."""
    found = slow_split(packet, vnet)
    return found if vnet.gso_size >= 16 and len(found) <= 128 else []


def split(packet: bytes, vnet: VirtioNetHdr, mtu: int = 65535) -> list[bytes]:
    """All packets of a super-packet as they are to be sealed, padding included."""
    gso = Segmentation.of(memoryview(packet), vnet)
    result: list[bytes] = []
    if gso is None:
        return result
    view = SEGMENTER.arena.view
    while len(result) < gso.number:
        stride, full, tail = SEGMENTER.fill(memoryview(packet), gso, len(result))
        padded = padded_length(gso.header + gso.mss, mtu)
        result += [bytes(view[at : at + padded]) for at in range(0, full * stride, stride)]
        if tail:
            at = full * stride
            result.append(bytes(view[at : at + padded_length(gso.header + tail, mtu)]))
    assert len(result) == gso.number
    assert [len(part) for part in segment.split(memoryview(packet), gso)] == [
        ip_length(part, len(part)) for part in result
    ]
    return result


@settings(max_examples=300, deadline=None)
@given(
    payload=st.binary(min_size=1, max_size=4000),
    mss=st.integers(1, 1500),
    is_v6=st.booleans(),
    flags=st.sampled_from([ACK, ACK | PSH, ACK | FIN, ACK | PSH | CWR, ACK | CWR]),
    options=st.integers(0, 10).map(lambda words: bytes(range(words * 4))),
    sequence=st.integers(0, 2**32 - 1),
    identification=st.integers(0, 65535),
    fragment=st.sampled_from([0, DF]),
    tos=st.integers(0, 255),
)
def test_tcp_segments_are_those_of_the_slow_way(
    payload: bytes,
    mss: int,
    is_v6: bool,
    flags: int,
    options: bytes,
    sequence: int,
    identification: int,
    fragment: int,
    tos: int,
) -> None:
    fields = (
        {"tos": tos}
        if is_v6
        else {"identification": identification, "fragment": fragment, "tos": tos}
    )
    addresses = V6 if is_v6 else {}
    whole = tcp(payload, sequence=sequence, flags=flags, options=options, **addresses, **fields)
    packet, vnet = super_packet(whole, mss)

    expected = wanted(packet, vnet)

    actual = split(packet, vnet)
    assert len(actual) == len(expected)
    for ours, theirs in zip(actual, expected, strict=True):
        assert same_packet(ours[: len(theirs)], theirs)
        assert ours[len(theirs) :] == bytes(-len(theirs) % 16)


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=1, max_size=4000), st.integers(1, 1500), st.booleans(), st.booleans())
def test_udp_segments_are_those_of_the_slow_way(
    payload: bytes, mss: int, is_v6: bool, with_df: bool
) -> None:
    whole = udp(payload, **V6) if is_v6 else udp(payload, fragment=DF if with_df else 0)
    packet, vnet = super_packet(whole, mss)

    expected = wanted(packet, vnet)

    actual = split(packet, vnet)
    assert len(actual) == len(expected)
    for ours, theirs in zip(actual, expected, strict=True):
        assert same_packet(ours[: len(theirs)], theirs)


def test_the_most_segments_that_there_are_come_as_they_were() -> None:
    packet, vnet = super_packet(tcp(bytes(range(256)) * 240), 480)

    assert split(packet, vnet)[127][40:520] == packet[40 + 127 * 480 : 40 + 128 * 480]


@pytest.mark.parametrize(
    ("octets", "mss", "number"),
    [(16 * 128, 16, 128), (16 * 128, 15, 0), (16 * 128 + 1, 16, 0), (1, 15, 0), (1, 16, 1)],
)
def test_tiny_segments_and_more_than_128_are_dropped(octets: int, mss: int, number: int) -> None:
    """One read would otherwise become 65,000 packets."""
    for whole in (tcp(bytes(octets)), udp(bytes(octets))):
        assert len(split(*super_packet(whole, mss))) == number


def test_padding_stops_at_the_mtu() -> None:
    packet, vnet = super_packet(tcp(bytes(3000)), 1380)

    assert [len(part) for part in split(packet, vnet, 1420)] == [
        1420,
        1420,
        padded_length(40 + 240, 1420),
    ]


def test_the_length_of_the_headers_is_not_taken_from_the_kernel() -> None:
    packet, vnet = super_packet(tcp(bytes(3000)), 1000)

    assert split(packet, vnet._replace(hdr_len=2000)) == split(packet, vnet)


def test_one_layout_after_another_leaves_nothing_behind() -> None:
    noise, vnet = super_packet(tcp(b"\xff" * 4000), 1400)
    split(noise, vnet)
    packet, vnet = super_packet(tcp(bytes(2001)), 1333)

    for part, expected in zip(split(packet, vnet), slow_split(packet, vnet), strict=True):
        assert part[len(expected) :] == bytes(-len(expected) % 16)


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=200),
    st.builds(
        VirtioNetHdr,
        st.integers(0, 255),
        st.sampled_from([GSO_TCPV4, GSO_TCPV6, GSO_UDP_L4, 3, 0x81]),
        st.integers(0, 65535),
        st.integers(0, 65535),
        st.integers(0, 65535),
        st.integers(0, 65535),
    ),
)
def test_nonsense_yields_whole_packets_or_nothing(data: bytes, vnet: VirtioNetHdr) -> None:
    for part in split(data, vnet):
        assert ip_length(part, len(part)) > 0


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_header_that_lies_yields_no_exception(data: st.DataObject) -> None:
    packet, vnet = super_packet(tcp(bytes(500)), 100)
    broken = bytearray(packet)
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, 59))] = data.draw(st.integers(0, 255))

    total = sum(map(len, split(bytes(broken), vnet)))

    assert total <= 100 * len(packet)

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.engine.proto.datapath.arena import Arena
from meshc.engine.proto.datapath.coalesce import MAX_JOINED, PacketRows, coalesce
from meshc.engine.proto.offload import (
    VNET_HDR_SIZE,
    VNET_NONE,
    VirtioNetHdr,
    complete_checksum,
)
from tests.support.packets import (
    ACK,
    FIN,
    PSH,
    SYN,
    has_right_checksums,
    same_packet,
    slow_split,
    super_packet,
    tcp,
    udp,
)

V6 = {"source": "fd00::1", "destination": "fd00::2"}
STRIDE = 2048


def merge(packets: Sequence[bytes], *, takes_udp: bool = True) -> list[tuple[VirtioNetHdr, bytes]]:
    """What is written to the TUN device for these packets: (virtio-net header, packet)."""
    arena = Arena(STRIDE * max(1, len(packets)))
    width = (max(map(len, packets)) + 3) & ~3
    for row, packet in enumerate(packets):
        arena.buffer[row * STRIDE : row * STRIDE + len(packet)] = packet
    lengths = np.array([len(packet) for packet in packets], np.int64)
    rows = PacketRows(arena, STRIDE, width, lengths)
    result = []
    picked = np.arange(len(packets), dtype=np.int64)
    for buffers in coalesce(rows, picked, udp=takes_udp, out=Arena(MAX_JOINED)):
        written = b"".join(bytes(buffer) for buffer in buffers)
        result.append((VirtioNetHdr.parse(written), written[VNET_HDR_SIZE:]))
    return result


def unmerge(written: Sequence[tuple[VirtioNetHdr, bytes]]) -> list[bytes]:
    """The packets that a kernel would see in what was written, by the slow way."""
    packets = []
    for vnet, packet in written:
        if vnet.gso_type:
            assert len(packet) <= 65535
            whole = bytearray(packet)
            assert complete_checksum(whole, vnet.csum_start, vnet.csum_offset)
            assert has_right_checksums(bytes(whole)), "the partial checksum is the right one"
            packets += slow_split(packet, vnet)
        else:
            assert vnet.pack() == VNET_NONE
            packets.append(packet)
    return packets


def burst(count: int, size: int = 1000, **fields: object) -> list[bytes]:
    """Segments of one TCP flow in order."""
    return [
        tcp(bytes([i % 256]) * size, sequence=i * size, **fields)  # type: ignore[arg-type]
        for i in range(count)
    ]


@settings(max_examples=100, deadline=None)
@given(
    payload=st.binary(min_size=1, max_size=6000),
    mss=st.integers(50, 1500),
    is_v6=st.booleans(),
    is_tcp=st.booleans(),
    end=st.sampled_from([ACK, ACK | PSH]),
    options=st.integers(0, 10).map(lambda words: bytes(words * 4)),
    sequence=st.integers(0, 2**32 - 1),
)
def test_merging_what_was_split_gives_the_super_packet_back(
    payload: bytes, mss: int, is_v6: bool, is_tcp: bool, end: int, options: bytes, sequence: int
) -> None:
    addresses = V6 if is_v6 else {}
    if is_tcp:
        whole = tcp(payload, flags=end, options=options, sequence=sequence, **addresses)
    else:
        whole = udp(payload, **addresses)
    packet, vnet = super_packet(whole, mss)

    written = merge(slow_split(packet, vnet))

    if len(payload) <= mss:
        assert len(written) == 1
        assert same_packet(written[0][1], packet)
    else:
        assert [header for header, _ in written] == [vnet]
        completed = bytearray(written[0][1])
        complete_checksum(completed, vnet.csum_start, vnet.csum_offset)
        assert same_packet(bytes(completed), packet)


@st.composite
def traffic(draw: st.DrawFn) -> list[bytes]:
    """Packets of a few flows, some of which continue each other, some corrupt."""
    packets = []
    sequences: dict[int, int] = {}
    for _ in range(draw(st.integers(1, 24))):
        flow = draw(st.integers(0, 2))
        size = draw(st.sampled_from([0, 1, 99, 100, 100, 100, 101]))
        payload = draw(st.binary(min_size=size, max_size=size))
        addresses = V6 if flow == 2 else {}
        if draw(st.integers(0, 4)) == 0:
            packets.append(udp(payload, sport=flow + 1, **addresses))
            continue
        sequence = sequences.get(flow, 0) + draw(st.sampled_from([0, 0, 0, 0, 1]))
        sequences[flow] = sequence + size
        flags = draw(st.sampled_from([ACK, ACK, ACK, ACK | PSH, ACK | FIN, SYN]))
        packets.append(tcp(payload, sport=flow + 1, sequence=sequence, flags=flags, **addresses))
    if draw(st.booleans()):
        index = draw(st.integers(0, len(packets) - 1))
        broken = bytearray(packets[index])
        broken[draw(st.integers(1, len(broken) - 1))] ^= draw(st.integers(1, 255))
        packets[index] = bytes(broken)
    return packets


def flow_of(packet: bytes) -> bytes:
    return packet[12:24] if packet[0] >> 4 == 4 else packet[8:44]


@settings(max_examples=200, deadline=None)
@given(traffic(), st.booleans())
def test_nothing_is_lost_changed_or_reordered_within_a_flow(
    packets: list[bytes], takes_udp: bool
) -> None:
    found = unmerge(merge(packets, takes_udp=takes_udp))

    assert len(found) == len(packets)
    for flow in {flow_of(packet) for packet in packets}:
        expected = [packet for packet in packets if flow_of(packet) == flow]
        actual = [packet for packet in found if flow_of(packet) == flow]
        assert all(_alike(a, b) for a, b in zip(expected, actual, strict=True))


def _alike(a: bytes, b: bytes) -> bool:
    """Equal apart from 0 against 0xffff in checksums and, when both headers are right, from
    the IPv4 id, which means nothing when DF is set (RFC 6864)."""
    if a == b or a[0] >> 4 != 4:
        return same_packet(a, b)
    renumbered = a[:4] + b[4:6] + a[6:10] + b[10:12] + a[12:]
    return has_right_checksums(a) and has_right_checksums(b) and same_packet(renumbered, b)


def test_a_long_run_becomes_as_few_super_packets_as_fit() -> None:
    written = merge(burst(100, 1360))

    assert [len(packet) for _, packet in written] == [40 + 48 * 1360, 40 + 48 * 1360, 40 + 4 * 1360]


def test_a_wrong_checksum_is_left_to_the_kernel_and_splits_the_run() -> None:
    packets = burst(9)
    broken = bytearray(packets[4])
    broken[-1] ^= 1
    packets[4] = bytes(broken)

    written = merge(packets)

    assert [header.gso_size for header, _ in written] == [1000, 0, 1000]
    assert written[1][1] == packets[4]


def test_a_wrong_ip_checksum_is_not_repaired() -> None:
    packets = burst(5)
    broken = bytearray(packets[2])
    broken[5] ^= 1
    packets[2] = bytes(broken)

    written = merge(packets)

    assert written[1] == (VirtioNetHdr(), packets[2])


@pytest.mark.parametrize(
    "change",
    [
        {"ack": 10},
        {"flags": ACK | FIN},
        {"flags": SYN},
        {"tos": 3},
        {"ttl": 63},
        {"sport": 1001},
        {"source": "10.0.0.9"},
        {"options": bytes(4)},
        {"fragment": 0},
        {"sequence": 77_777},
    ],
)
def test_what_differs_is_not_merged(change: dict[str, object]) -> None:
    last = tcp(bytes(1000), **{"sequence": 2000, **change})  # type: ignore[arg-type]
    packets = [*burst(2), last]

    written = merge(packets)

    assert sorted(header.gso_size for header, _ in written) == [0, 1000]
    assert unmerge(written)[-1] == packets[-1]


def test_a_push_ends_a_run() -> None:
    packets = burst(6)
    packets[2] = tcp(b"\2" * 1000, sequence=2000, flags=ACK | PSH)

    written = merge(packets)

    assert [len(packet) for _, packet in written] == [3040, 3040]
    assert written[0][1][33] == ACK | PSH


def test_fragments_ip_options_and_other_protocols_pass_untouched() -> None:
    fragment = tcp(bytes(1000), fragment=0x2000)
    options = bytearray(tcp(bytes(1000)))
    options[0] = 0x46
    icmp = bytearray(tcp(bytes(1000)))
    icmp[9] = 1
    packets = [fragment, fragment, bytes(options), bytes(options), bytes(icmp), bytes(icmp)]

    assert [packet for _, packet in merge(packets)] == packets


def test_udp_without_checksum_is_not_merged() -> None:
    packets = []
    for _ in range(3):
        packet = bytearray(udp(bytes(500)))
        struct.pack_into(">H", packet, 26, 0)
        packets.append(bytes(packet))

    assert [packet for _, packet in merge(packets)] == packets


def test_udp_is_merged_only_where_the_kernel_takes_it() -> None:
    packets = [udp(bytes(500)) for _ in range(4)]

    assert len(merge(packets, takes_udp=True)) == 1
    assert len(merge(packets, takes_udp=False)) == 4


def test_a_udp_length_that_is_not_the_packets_is_not_merged() -> None:
    short = bytearray(udp(bytes(500)))
    struct.pack_into(">H", short, 24, 400)

    assert len(merge([bytes(short)] * 3)) == 3


def test_interleaved_flows_merge_each_for_itself() -> None:
    packets = [
        packet for pair in zip(burst(5, sport=1), burst(5, sport=2), strict=True) for packet in pair
    ]

    assert len(merge(packets)) == 2


def test_many_flows_are_all_delivered() -> None:
    packets = [tcp(bytes(100), sport=port) for port in range(1, 60)]

    assert sorted(packet for _, packet in merge(packets)) == sorted(packets)

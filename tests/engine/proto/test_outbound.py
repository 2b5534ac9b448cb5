from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.offload import (
    VNET_HDR_SIZE,
    VirtioNetHdr,
    complete_checksum,
    pseudo_header_sum,
)
from meshc.engine.proto.outbound import SLOTS
from tests.support.bulk_ends import NOW, exchange, pair
from tests.support.packets import same_packet, slow_split, super_packet, tcp, udp

pytestmark = pytest.mark.usefixtures("each_road")


@pytest.mark.parametrize("vnet", [True, False])
def test_packets_before_the_session_are_staged_and_arrive(vnet: bool) -> None:
    pair(vnet=vnet)


def test_a_super_packet_arrives_as_one() -> None:
    a, b = pair()
    packet, vnet = super_packet(tcp(bytes(range(256)) * 200, sequence=77), 1368)

    a.read([(packet, vnet)])
    exchange(a, b)

    assert len(b.tun) == 1
    written = bytearray(b.tun[0])
    assert VirtioNetHdr.parse(written) == vnet
    body = written[VNET_HDR_SIZE:]
    assert complete_checksum(body, 20, 16)
    assert same_packet(bytes(body), packet)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_every_packet_arrives_once_and_as_it_was(data: st.DataObject) -> None:
    a, b = pair()
    expected = []
    batch = []
    for _ in range(data.draw(st.integers(1, 70))):
        size = data.draw(st.sampled_from([0, 1, 12, 100, 100, 1000, 1372]))
        body = data.draw(st.binary(min_size=4, max_size=4)).ljust(size, b"\1")[:size]
        if data.draw(st.integers(0, 9)) == 0:
            packet, vnet = super_packet(
                tcp(body * 20 or b"x", sequence=data.draw(st.integers(0, 99))), 700
            )
            expected += slow_split(packet, vnet)
            batch.append((packet, vnet))
            continue
        whole = udp(body)
        expected.append(whole)
        if data.draw(st.booleans()):
            # As the kernel leaves it with checksum offload: only the pseudo-header summed.
            partial = bytearray(whole)
            struct.pack_into(">H", partial, 26, pseudo_header_sum(whole, 17, 8 + size))
            batch.append((bytes(partial), VirtioNetHdr(1, 0, 0, 0, 20, 6)))
        else:
            batch.append((whole, VirtioNetHdr()))

    a.read(batch)
    exchange(a, b)

    found = b.kernel_sees()
    assert len(found) == len(expected)
    for protocol in (6, 17):
        ours = [packet for packet in found if packet[9] == protocol]
        theirs = [packet for packet in expected if packet[9] == protocol]
        assert all(same_packet(x, y) for x, y in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("size", [0, 1, 12, 100, 1372, 1392])
@pytest.mark.parametrize("partial", [False, True])
def test_a_packet_alone_arrives_as_it_was(size: int, partial: bool) -> None:
    a, b = pair()
    whole = udp((bytes(range(1, 256)) * 6)[:size])
    given = bytearray(whole)
    if partial:
        struct.pack_into(">H", given, 26, pseudo_header_sum(whole, 17, 8 + size))

    for _ in range(2):
        a.read([(bytes(given), VirtioNetHdr(1, 0, 0, 0, 20, 6) if partial else VirtioNetHdr())])
    sizes = [len(data) for data, _ in a.wire]
    exchange(a, b)

    assert sizes == [min(-(-len(whole) // 16) * 16, 1420) + 32] * 2
    first, second = b.kernel_sees()
    assert same_packet(first, whole)
    assert second == first


def test_a_flood_of_small_packets_leaves_in_full_sends() -> None:
    a, b = pair()

    a.read([(udp(bytes(1000)), VirtioNetHdr())] * SLOTS)

    assert [len(data) // segment for data, segment in a.wire] == [61, 3]
    exchange(a, b)
    assert len(b.kernel_sees()) == SLOTS


def test_counters_and_timers_see_bulk_traffic() -> None:
    a, b = pair()
    before = a.device.state().peers[0].tx_bytes
    packet, vnet = super_packet(tcp(bytes(5000)), 1000)

    a.read([(packet, vnet)])
    sent = sum(len(data) for data, _ in a.wire)
    exchange(a, b)

    assert a.device.state().peers[0].tx_bytes == before + sent
    assert b.device.state().peers[0].rx_bytes > sent
    assert b.device.next_timeout() is not None, "a passive keepalive is due"


def test_an_old_session_is_renewed_under_bulk_traffic() -> None:
    a, b = pair()
    later = NOW + 121
    packet, vnet = super_packet(tcp(bytes(5000)), 1000)

    a.read([(packet, vnet)], later)

    assert any(data[0] == 1 for data, _ in a.wire), "REKEY_AFTER_TIME: an initiation"
    exchange(a, b, later)
    assert sum(len(packet) - 40 for packet in b.kernel_sees()) == 5000


def test_an_expired_session_stages_instead_of_sealing() -> None:
    a, b = pair()
    later = NOW + 181
    packet, vnet = super_packet(tcp(bytes(5000)), 1000)

    a.read([(packet, vnet)], later)

    assert [data[0] for data, _ in a.wire] == [1]
    exchange(a, b, later)
    assert sum(len(packet) - 40 for packet in b.kernel_sees()) == 5000


@pytest.mark.parametrize("vnet", [True, False])
def test_a_packet_for_nobody_is_answered(vnet: bool) -> None:
    a, _ = pair(vnet=vnet)

    a.read([(udp(b"x", destination="10.9.9.9"), VirtioNetHdr())])

    assert a.device.drops[DropReason.NO_PEER] == 1
    (answer,) = a.kernel_sees()
    assert answer[9] == 1, "ICMP"


def test_a_super_packet_that_lies_is_counted() -> None:
    a, _ = pair()

    a.read([(tcp(bytes(100)), VirtioNetHdr(1, 1, 0, 0, 20, 16))])
    a.read([(tcp(bytes(100)), VirtioNetHdr(1, 0, 0, 0, 2000, 16))])

    assert a.device.drops[DropReason.PACKET_MALFORMED] == 2

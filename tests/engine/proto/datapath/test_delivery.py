from __future__ import annotations

import pytest

from tests.support.opened import OpenedPackets, seal_all, unlike_packets
from tests.support.packets import tcp, udp
from tests.support.sessions import keypairs

pytestmark = pytest.mark.usefixtures("each_road")


def test_without_virtio_headers_packets_come_one_by_one() -> None:
    ours, theirs = keypairs()
    receiver = OpenedPackets(gro=False)
    expected = [tcp(bytes(100), sequence=i * 100) for i in range(10)]

    receiver.open(theirs, seal_all(ours, expected))

    assert receiver.deliver() == expected


def test_runs_of_different_sizes_are_delivered_together() -> None:
    ours, theirs = keypairs()
    receiver = OpenedPackets()
    wide, narrow = unlike_packets(6, 300), unlike_packets(5, 61, 500)

    receiver.open(theirs, seal_all(ours, wide))
    receiver.open(theirs, seal_all(ours, narrow))

    assert sorted(receiver.deliver()) == sorted(wide + narrow)


def test_a_flow_that_spans_runs_is_merged_over_them() -> None:
    ours, theirs = keypairs()
    receiver = OpenedPackets()
    segments = [tcp(bytes([i]) * 200, sequence=i * 200) for i in range(20)]

    receiver.open(theirs, seal_all(ours, segments[:12]))
    receiver.open(theirs, seal_all(ours, segments[12:]))

    assert [len(packet) for packet in receiver.deliver()] == [40 + 4000]


@pytest.mark.parametrize("mixed", [False, True])
def test_ipv6_inside_goes_the_same_way(mixed: bool) -> None:
    ours, theirs = keypairs()
    receiver = OpenedPackets()
    addresses = {"source": "fd00::1", "destination": "fd00::2"}
    segments = [tcp(bytes([i]) * 200, sequence=i * 200, **addresses) for i in range(20)]
    others = [tcp(bytes([i]) * 220, sequence=i * 220) for i in range(6)] if mixed else []

    receiver.open(theirs, seal_all(ours, segments + others))

    assert [len(packet) for packet in receiver.deliver()] == [60 + 4000, *[40 + 1320] * mixed]


def test_a_foreign_ipv6_source_is_left_out() -> None:
    ours, theirs = keypairs()
    receiver = OpenedPackets()
    addresses = {"source": "fd00::9", "destination": "fd00::2"}

    receiver.open(theirs, seal_all(ours, [tcp(bytes(200), **addresses)] * 9))

    assert receiver.deliver() == []
    assert receiver.foreign == 9


def test_what_an_earlier_batch_left_is_not_part_of_the_next() -> None:
    ours, theirs = keypairs()
    receiver = OpenedPackets()
    receiver.open(theirs, seal_all(ours, [udp(b"\xff" * 1300)] * 40))
    receiver.deliver()
    segments = [tcp(bytes([i]) * 201, sequence=i * 201) for i in range(8)]

    for segment in segments:
        receiver.open(theirs, seal_all(ours, [segment]), 241)

    assert [len(packet) for packet in receiver.deliver()] == [40 + 8 * 201]


@pytest.mark.parametrize("count", [2, 8])
def test_foreign_sources_and_malformed_packets_are_left_out(count: int) -> None:
    ours, theirs = keypairs()
    receiver = OpenedPackets()
    good = unlike_packets(count)
    foreign = udp(bytes(100), source="10.9.9.9")
    malformed = b"\x45\0\xff\xff" + good[0][4:]
    neither = b"\x25" + good[0][1:]

    receiver.open(theirs, seal_all(ours, [*good, foreign, malformed, neither]))

    assert sorted(receiver.deliver()) == sorted(good)
    assert (receiver.malformed, receiver.foreign) == (2, 1)

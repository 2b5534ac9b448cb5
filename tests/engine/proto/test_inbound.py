from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.gro import Datagrams
from meshc.engine.proto.offload import VirtioNetHdr
from meshc.engine.proto.udp_path import UdpPath
from tests.support.bulk_ends import NOW, BulkEnd, exchange, pair
from tests.support.packets import udp

pytestmark = pytest.mark.usefixtures("each_road")


def test_replays_and_forgeries_are_counted_once_each() -> None:
    a, b = pair()
    a.read([(udp(bytes(100)), VirtioNetHdr())] * 10)
    ((data, segment),) = a.wire
    b.receive([(data, segment)])
    b.tun.clear()

    b.receive([(data, segment)])
    forged = bytearray(data)
    for at in range(20, len(forged), segment):
        forged[at] ^= 1
    b.receive([(bytes(forged), segment)])
    b.receive([(data[:segment], segment)])
    b.receive([(bytes(forged[:segment]), segment)])

    assert b.kernel_sees() == []
    assert b.device.drops[DropReason.REPLAYED] == 11
    assert b.device.drops[DropReason.BAD_AEAD] == 11


def test_a_source_that_is_not_the_peers_is_dropped() -> None:
    a, b = pair()

    a.read([(udp(bytes(100), source="10.9.9.9"), VirtioNetHdr())])
    exchange(a, b)
    a.read([(udp(bytes(100), source="10.9.9.9"), VirtioNetHdr())] * 9)
    exchange(a, b)

    assert b.kernel_sees() == []
    assert b.device.drops[DropReason.INNER_SOURCE] == 10


def test_roaming_in_the_middle_of_a_run_follows_the_peer() -> None:
    a, b = pair()
    elsewhere = UdpPath("198.51.100.9", 999)
    a.read([(udp(bytes(50)), VirtioNetHdr())] * 5)
    ((data, segment),) = a.wire
    a.wire.clear()
    b.arena.buffer[: len(data)] = data

    b.write(b.inbound.receive(Datagrams(0, segment, segment, 5), elsewhere, NOW))
    b.write(b.inbound.flush())

    assert b.device.state().peers[0].endpoint == elsewhere.endpoint
    assert len(b.kernel_sees()) == 5


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.integers(1, 200), st.integers(0, 3))
def test_datagrams_of_nonsense_raise_nothing(data: bytes, segment: int, kind: int) -> None:
    _, b = pair_once()
    if kind:
        head = struct.pack("<I", kind + 1)
        data = b"".join(head + data[at + 4 : at + segment] for at in range(0, len(data), segment))
    if data:
        b.receive([(data, segment)])

    assert b.kernel_sees() == []


_PAIR: list[tuple[BulkEnd, BulkEnd]] = []


def pair_once() -> tuple[BulkEnd, BulkEnd]:
    if not _PAIR:
        _PAIR.append(pair())
    return _PAIR[0]

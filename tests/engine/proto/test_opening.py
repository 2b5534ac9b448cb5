from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.engine.proto import datapath
from meshc.engine.proto.coalesce import Coalescer
from meshc.engine.proto.errors import DropReason
from meshc.engine.proto.keypair import Keypair
from meshc.engine.proto.opening import Datagrams, Opened, OpenedRows, read_headers
from meshc.engine.proto.rows import Arena
from tests.support.packets import tcp, udp
from tests.support.sessions import keypairs

OWNER = object()
SOURCE = bytes((10, 0, 0, 1))


SOURCE_V6 = bytes.fromhex("fd" + "00" * 14 + "01")


def lookup(address: bytes) -> object:
    return OWNER if address in (SOURCE, SOURCE_V6) else None


class Receiver:
    """Opens datagrams that lie `stride` apart, as they would come in a buffer."""

    def __init__(self, *, coalesce: bool = True) -> None:
        self.arena = Arena(300_000)
        self.rows = OpenedRows()
        self.coalescer = Coalescer(udp=True) if coalesce else None

    def open(self, keypair: Keypair, datagrams: Sequence[bytes], stride: int = 0) -> Opened:
        size = len(datagrams[0])
        stride = stride or size
        for row, datagram in enumerate(datagrams):
            self.arena.buffer[row * stride : row * stride + size] = datagram
        run = Datagrams(0, stride, size, len(datagrams))
        return self.rows.open(keypair, self.arena, run, read_headers(self.arena, run).counters)

    def deliver(self) -> list[bytes]:
        header = 10 if self.coalescer else 0
        delivery = self.rows.deliver(OWNER, lookup, self.coalescer)
        packets = [b"".join(map(bytes, write))[header:] for write in delivery.writes]
        self.malformed, self.foreign = delivery.malformed, delivery.foreign
        return packets


def packets(count: int, size: int = 100, port: int = 1) -> list[bytes]:
    """Packets that do not merge, all of one length."""
    return [udp(bytes([i]) * size, sport=port + i) for i in range(count)]


@pytest.mark.parametrize("count", [1, 3, 4, 45])
@pytest.mark.parametrize("stride", [0, 700])
def test_a_run_opens_to_what_was_sealed(count: int, stride: int) -> None:
    ours, theirs = keypairs()
    expected = packets(count)
    receiver = Receiver()

    opened = receiver.open(theirs, datapath.seal(ours, expected, 0), stride)

    assert opened == Opened(accepted=count, data=count, bad=0, replayed=0)
    assert sorted(receiver.deliver()) == sorted(expected)
    assert not receiver.rows


def test_without_virtio_headers_packets_come_one_by_one() -> None:
    ours, theirs = keypairs()
    receiver = Receiver(coalesce=False)
    expected = [tcp(bytes(100), sequence=i * 100) for i in range(10)]

    receiver.open(theirs, datapath.seal(ours, expected, 0))

    assert receiver.deliver() == expected


def test_a_keepalive_counts_but_delivers_nothing() -> None:
    ours, theirs = keypairs()
    receiver = Receiver()

    opened = receiver.open(theirs, datapath.seal(ours, [b""], 0))

    assert opened == Opened(accepted=1, data=0, bad=0, replayed=0)
    assert not receiver.rows


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_loss_reordering_replay_and_forgery_end_as_in_the_plain_way(data: st.DataObject) -> None:
    ours, theirs = keypairs()
    _, oracle = keypairs()
    sealed = datapath.seal(ours, packets(30), 0)
    picked = data.draw(st.lists(st.sampled_from(sealed), min_size=1, max_size=60))
    forged = []
    for datagram in picked:
        if data.draw(st.integers(0, 9)) == 0:
            at = data.draw(st.integers(16, len(datagram) - 1))
            datagram = datagram[:at] + bytes([datagram[at] ^ 1]) + datagram[at + 1 :]
        forged.append(datagram)
    drops = dict.fromkeys(DropReason, 0)
    expected = [datapath.trim(plain) for plain in datapath.open_run(oracle, forged, drops) if plain]
    receiver = Receiver()

    opened = receiver.open(theirs, forged)

    assert sorted(receiver.deliver()) == sorted(packet for packet in expected if packet)
    assert opened.accepted == len(expected)
    assert opened.bad + opened.replayed == sum(drops.values())


def test_runs_of_different_sizes_are_delivered_together() -> None:
    ours, theirs = keypairs()
    receiver = Receiver()
    wide, narrow = packets(6, 300), packets(5, 61, 500)

    receiver.open(theirs, datapath.seal(ours, wide, 0))
    receiver.open(theirs, datapath.seal(ours, narrow, 0))

    assert sorted(receiver.deliver()) == sorted(wide + narrow)


def test_a_flow_that_spans_runs_is_merged_over_them() -> None:
    ours, theirs = keypairs()
    receiver = Receiver()
    segments = [tcp(bytes([i]) * 200, sequence=i * 200) for i in range(20)]

    receiver.open(theirs, datapath.seal(ours, segments[:12], 0))
    receiver.open(theirs, datapath.seal(ours, segments[12:], 0))

    assert [len(packet) for packet in receiver.deliver()] == [40 + 4000]


@pytest.mark.parametrize("mixed", [False, True])
def test_ipv6_inside_goes_the_same_way(mixed: bool) -> None:
    ours, theirs = keypairs()
    receiver = Receiver()
    addresses = {"source": "fd00::1", "destination": "fd00::2"}
    segments = [tcp(bytes([i]) * 200, sequence=i * 200, **addresses) for i in range(20)]
    others = [tcp(bytes([i]) * 220, sequence=i * 220) for i in range(6)] if mixed else []

    receiver.open(theirs, datapath.seal(ours, segments + others, 0))

    assert [len(packet) for packet in receiver.deliver()] == [60 + 4000, *[40 + 1320] * mixed]


def test_a_foreign_ipv6_source_is_left_out() -> None:
    ours, theirs = keypairs()
    receiver = Receiver()
    addresses = {"source": "fd00::9", "destination": "fd00::2"}

    receiver.open(theirs, datapath.seal(ours, [tcp(bytes(200), **addresses)] * 9, 0))

    assert receiver.deliver() == []
    assert receiver.foreign == 9


def test_what_an_earlier_batch_left_is_not_part_of_the_next() -> None:
    ours, theirs = keypairs()
    receiver = Receiver()
    receiver.open(theirs, datapath.seal(ours, [udp(b"\xff" * 1300)] * 40, 0))
    receiver.deliver()
    segments = [tcp(bytes([i]) * 201, sequence=i * 201) for i in range(8)]

    for segment in segments:
        receiver.open(theirs, datapath.seal(ours, [segment], 241))

    assert [len(packet) for packet in receiver.deliver()] == [40 + 8 * 201]


@pytest.mark.parametrize("count", [2, 8])
def test_foreign_sources_and_malformed_packets_are_left_out(count: int) -> None:
    ours, theirs = keypairs()
    receiver = Receiver()
    good = packets(count)
    foreign = udp(bytes(100), source="10.9.9.9")
    malformed = b"\x45\0\xff\xff" + good[0][4:]
    neither = b"\x25" + good[0][1:]

    receiver.open(theirs, datapath.seal(ours, [*good, foreign, malformed, neither], 0))

    assert sorted(receiver.deliver()) == sorted(good)
    assert (receiver.malformed, receiver.foreign) == (2, 1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(min_size=64, max_size=64), min_size=1, max_size=20))
def test_inner_nonsense_is_filtered_as_in_the_plain_way(plain: list[bytes]) -> None:
    ours, theirs = keypairs()
    receiver = Receiver()
    # Half of them begin like packets of the owner.
    plain = [
        b"\x45\0\0" + bytes([data[3] % 80]) + data[4:12] + SOURCE + data[16:]
        if data[0] & 1
        else data
        for data in plain
    ]
    expected = []
    for data in plain:
        trimmed = datapath.trim(data)
        if trimmed is not None and lookup(datapath.source_of(trimmed)) is OWNER:
            expected.append(trimmed)

    receiver.open(theirs, datapath.seal(ours, plain, 0))

    assert sorted(receiver.deliver()) == sorted(expected)


def test_jumbo_datagrams_fit_as_many_as_the_buffer_takes() -> None:
    ours, theirs = keypairs()
    receiver = Receiver()
    receiver.arena = Arena(600_000)
    expected = [udp(bytes([i]) * 8900, sport=i + 1) for i in range(OpenedRows.most(8980))]

    receiver.open(theirs, datapath.seal(ours, expected, 0))

    assert sorted(receiver.deliver()) == sorted(expected)


def test_a_run_that_does_not_fit_is_refused_in_advance() -> None:
    ours, theirs = keypairs()
    receiver = Receiver()
    receiver.open(theirs, datapath.seal(ours, packets(4), 0))

    assert receiver.rows.fits(Datagrams(0, 2000, 2000, 50))
    assert not receiver.rows.fits(Datagrams(0, 2000, 2000, 200)), "too many"
    assert not receiver.rows.fits(Datagrams(0, 9000, 9000, 1)), "too wide for these rows"

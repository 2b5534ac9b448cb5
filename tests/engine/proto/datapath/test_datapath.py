"""The four functions of the data path against their oracle: the same, one packet at a time."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.engine.proto import datapath
from meshc.engine.proto.datapath import Arena, Block, PartialChecksum, single
from meshc.engine.proto.datapath.coalesce import MAX_JOINED
from meshc.engine.proto.datapath.segment import Segmentation
from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.offload import VNET_HDR_SIZE, VNET_NONE, VirtioNetHdr, pseudo_header_sum
from tests.support.opened import ROUTES, SOURCE, OpenedPackets
from tests.support.packets import same_packet, slow_split, super_packet, tcp, udp
from tests.support.sessions import keypairs

pytestmark = pytest.mark.usefixtures("each_road")
STRIDE = 2048


def opened(sealed: Sequence[bytes]) -> list[bytes]:
    """The plaintexts of messages of the first keypair, from counter 0."""
    _, theirs = keypairs()
    plain = [theirs.opening.open(message) for message in sealed]
    return [packet for packet in plain if isinstance(packet, bytes)]


@settings(max_examples=100, deadline=None)
@given(
    count=st.integers(1, 64),
    size=st.sampled_from([8, 20, 100, 1000, 1372, 1392]),
    mtu=st.sampled_from([0, 1420]),
    partial=st.booleans(),
    skip=st.integers(0, 3),
    at=st.sampled_from([0, 1, 4096]),
)
def test_seal_run_seals_what_seal_does(
    count: int, size: int, mtu: int, partial: bool, skip: int, at: int
) -> None:
    ours, _ = keypairs()
    oracle, _ = keypairs()
    buf, out = Arena((skip + count) * STRIDE), Arena(at + 64 * 1500)
    expected = []
    for row in range(count):
        packet = udp(bytes([row + 1]) * size)
        expected.append(oracle.sealing.seal(packet, mtu))
        if partial:
            # as the kernel leaves it with checksum offload: only the pseudo-header summed
            left = bytearray(packet)
            struct.pack_into(">H", left, 26, pseudo_header_sum(packet, 17, 8 + size))
            packet = bytes(left)
        buf.buffer[(skip + row) * STRIDE :][: len(packet)] = packet
        start = (skip + row) * STRIDE
        buf.view[start : start + STRIDE] = packet + b"\xaa" * (STRIDE - len(packet))

    csum = PartialChecksum(20, 6) if partial else None
    end = datapath.new().seal_run(
        ours.sealing, buf, skip * STRIDE, STRIDE, 28 + size, count, mtu, csum, out, at
    )

    length = len(expected[0])
    assert end == at + count * length
    found = [bytes(out.view[start : start + length]) for start in range(at, end, length)]
    if not partial:
        assert found == expected
    pairs = zip(opened(found), opened(expected), strict=True)
    assert all(same_packet(a, b) for a, b in pairs)
    assert ours.sealing.counter == oracle.sealing.counter == count


@settings(max_examples=200, deadline=None)
@given(
    payload=st.integers(1, 30_000),
    mss=st.integers(48, 1400),
    is_tcp=st.booleans(),
    mtu=st.sampled_from([0, 1420]),
)
def test_split_seal_seals_the_segments_of_the_slow_way(
    payload: int, mss: int, is_tcp: bool, mtu: int
) -> None:
    ours, _ = keypairs()
    payload = min(payload, 128 * mss)
    body = bytes(range(251)) * (payload // 251 + 1)
    packet, vnet = super_packet((tcp if is_tcp else udp)(body[:payload]), mss)
    view = memoryview(packet)
    gso = Segmentation.of(view, vnet)
    assert gso is not None
    out = Arena(200_000)
    sealed: list[bytes] = []
    while len(sealed) < gso.number:
        number, size, last = datapath.new().split_seal(
            ours.sealing, view, gso, mtu, out, 0, len(sealed)
        )
        end = number * size
        sealed += [bytes(out.view[at : at + size]) for at in range(0, end, size)]
        sealed += [bytes(out.view[end : end + last])] * (last > 0)
        assert last < size

    plain = opened(sealed)
    expected = slow_split(packet, vnet)
    assert len(plain) == len(expected) == ours.sealing.counter
    for found, wanted in zip(plain, expected, strict=True):
        assert same_packet(found[: len(wanted)], wanted)
        assert found[len(wanted) :] == bytes(len(found) - len(wanted))
        assert len(found) % 16 == 0 or len(found) >= mtu > 0


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_open_run_opens_what_open_datagram_does(data: st.DataObject) -> None:
    ours, theirs = keypairs()
    _, oracle = keypairs()
    messages = [ours.sealing.seal(udp(bytes([i]) * 100), 0) for i in range(30)]
    for message in data.draw(st.lists(st.sampled_from(messages), max_size=5)):
        theirs.opening.open(message)
        oracle.opening.open(message)
    run = []
    for message in data.draw(st.lists(st.sampled_from(messages), min_size=1, max_size=40)):
        if data.draw(st.integers(0, 9)) == 0:
            at = data.draw(st.integers(16, len(message) - 1))
            message = message[:at] + bytes([message[at] ^ 1]) + message[at + 1 :]
        run.append(message)
    size, row = len(run[0]), data.draw(st.integers(0, 2))
    buf, rows = Arena(len(run) * size), Arena((row + len(run)) * STRIDE)
    buf.view[:] = b"".join(run)

    result = datapath.new().open_run(
        theirs.opening, buf, 0, size, size, len(run), rows, row, STRIDE
    )

    expected = [oracle.opening.open(message) for message in run]
    assert result.bad == expected.count(DropReason.BAD_AEAD)
    assert result.replayed == expected.count(DropReason.REPLAYED)
    assert result.accepted == result.data == len(run) - result.bad - result.replayed
    for i, wanted in enumerate(expected):
        at = (row + i) * STRIDE
        found = bytes(rows.view[at : at + size - 32])
        assert result.dead_mask >> i & 1 or found == wanted
        assert bool(result.dead_mask >> i & 1) == isinstance(wanted, DropReason)


def inner_packets() -> st.SearchStrategy[bytes]:
    """What a peer may put into a message: its packets, those of others, and nonsense."""
    return st.one_of(
        st.integers(0, 255).map(lambda i: tcp(bytes([i]) * 60, sequence=i * 60)),
        st.integers(0, 255).map(lambda i: udp(bytes([i]) * 40, sport=i % 3 + 1)),
        st.just(udp(bytes(40), source="10.9.9.9")),
        st.binary(min_size=64, max_size=64),
        # begins like a packet of the owner
        st.binary(min_size=64, max_size=64).map(
            lambda d: b"\x45\0\0" + bytes([d[3] % 80]) + d[4:12] + SOURCE + d[16:]
        ),
    )


@settings(max_examples=300, deadline=None)
@given(
    packets=st.lists(inner_packets(), min_size=1, max_size=40),
    dead=st.integers(0, 2**40 - 1).map(lambda n: n & n >> 7 & n >> 11),
    udp_gro=st.sampled_from([None, False, True]),
    split=st.integers(0, 40),
)
def test_deliver_delivers_what_inner_length_admits(
    packets: list[bytes], dead: int, udp_gro: bool | None, split: int
) -> None:
    rows = Arena(len(packets) * STRIDE)
    rows.buffer[:] = b"\xaa" * len(rows.buffer)
    expected, refused = [], []
    for row, packet in enumerate(packets):
        padded = packet.ljust(112, b"\0")
        rows.view[row * STRIDE : row * STRIDE + 112] = padded
        if not dead >> row & 1:
            length = single.inner_length(padded, ROUTES, OpenedPackets.OWNER)
            if isinstance(length, DropReason):
                refused.append(length)
            else:
                expected.append(padded[:length])
    parts = sorted({0, min(split, len(packets)), len(packets)})
    blocks = [Block(a, b - a, 112) for a, b in pairwise(parts)]

    delivery = datapath.new().deliver(
        rows, STRIDE, blocks, dead, ROUTES, OpenedPackets.OWNER, udp_gro, Arena(MAX_JOINED)
    )

    found: list[bytes] = []
    for write in delivery.writes:
        written = b"".join(map(bytes, write))
        if udp_gro is None:
            found.append(written)
            continue
        header, packet = VirtioNetHdr.parse(written), written[VNET_HDR_SIZE:]
        if header.gso_type:
            found += slow_split(packet, header)
        else:
            assert written[:VNET_HDR_SIZE] == VNET_NONE
            found.append(packet)
    assert normal(found) == normal(expected)
    assert delivery.malformed == refused.count(DropReason.INNER_MALFORMED)
    assert delivery.foreign == refused.count(DropReason.INNER_SOURCE)


def normal(packets: list[bytes]) -> list[bytes]:
    """In any order, and without IPv4 id and header checksum: segments share an id."""
    return sorted(
        packet[:4] + bytes(2) + packet[6:10] + bytes(2) + packet[12:]
        if packet[0] == 0x45
        else packet
        for packet in packets
    )

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.engine.proto.bulk import SLOTS, Inbound, Outbound
from meshc.engine.proto.coalesce import Buffers, Coalescer
from meshc.engine.proto.device import Device
from meshc.engine.proto.errors import DropReason
from meshc.engine.proto.offload import (
    VNET_HDR_SIZE,
    VirtioNetHdr,
    complete_checksum,
    pseudo_header_sum,
)
from meshc.engine.proto.opening import Datagrams
from meshc.engine.proto.rows import Arena
from meshc.engine.proto.sealing import Send
from meshc.engine.proto.tai64n import WallEpoch
from meshc.engine.proto.udp_path import UdpPath
from meshc.keys import PrivateKey
from meshc.prefixes import Prefix
from meshc.wg.device_values import DeviceUpdate, PeerUpdate
from tests.support.packets import same_packet, slow_split, super_packet, tcp, udp

ADDRESS = ("10.0.0.1", "10.0.0.2")
PLACE = (UdpPath("192.0.2.1", 1), UdpPath("192.0.2.2", 2))
NOW = 1000.0


class End:
    """A device with its bulk roads; `wire` is what it sent, `tun` what it delivered."""

    def __init__(self, number: int, key: PrivateKey, peer: PrivateKey, *, vnet: bool) -> None:
        seed = iter(range(1, 1 << 30))
        self.device = Device(
            rng=lambda n: (next(seed) * 2 + number).to_bytes(4, "little").ljust(n, b"\7")[:n],
            wall_epoch=WallEpoch(NOW, 1_800_000_000 * 10**9),
        )
        self.device.mtu = 1420
        self.place, self.peer_place = PLACE[number], PLACE[1 - number]
        self.device.configure(
            DeviceUpdate(
                private_key=key,
                peers=(
                    PeerUpdate(
                        public_key=peer.public_key(),
                        endpoint=self.peer_place.endpoint,
                        allowed_ips=(Prefix.parse(f"{ADDRESS[1 - number]}/32"),),
                    ),
                ),
            ),
            NOW,
        )
        self.device.set_up(True, NOW)
        self.vnet = vnet
        self.wire: list[tuple[bytes, int]] = []
        self.tun: list[bytes] = []
        self.arena = Arena(400_000)
        self.outbound = Outbound(self.device, self.emit, vnet=vnet)
        coalescer = Coalescer(udp=True) if vnet else None
        self.inbound = Inbound(self.device, self.arena, self.write, coalescer=coalescer)

    def emit(self, send: Send, endpoint: UdpPath) -> None:
        assert endpoint == self.peer_place
        self.wire.append((bytes(send.data), send.segment))

    def write(self, buffers: Buffers) -> None:
        self.tun.append(b"".join(map(bytes, buffers)))

    def drain(self) -> None:
        for _, datagrams in self.device.datagrams_to_send():
            self.wire += [(datagram, len(datagram)) for datagram in datagrams]
        self.tun += [
            (bytes(VNET_HDR_SIZE) if self.vnet else b"") + packet
            for packet in self.device.packets_to_deliver()
        ]

    def read(self, packets: list[tuple[bytes, VirtioNetHdr]], now: float = NOW) -> None:
        """Packets from the TUN device; a single one goes the short way, as in the runner."""
        waiting = [(vnet.pack() if self.vnet else b"") + packet for packet, vnet in packets]

        def read(buffers: Sequence[memoryview]) -> int:
            data = waiting.pop(0)
            buffers[0][: len(data)] = data
            return len(data)

        if len(packets) == 1:
            self.outbound.pump_one(read, now)
        else:
            assert self.outbound.pump(read, len(packets), now) == len(packets)
        self.outbound.flush(now)
        self.drain()

    def receive(self, sends: list[tuple[bytes, int]], now: float = NOW) -> None:
        """Sends as one GRO message each."""
        for data, segment in sends:
            self.arena.buffer[: len(data)] = data
            full, rest = divmod(len(data), segment)
            if full == 1 and not rest:
                self.inbound.receive_one(0, segment, self.peer_place, now)
                continue
            if full:
                self.inbound.receive(Datagrams(0, segment, segment, full), self.peer_place, now)
            if rest:
                tail = Datagrams(full * segment, segment, rest, 1)
                self.inbound.receive(tail, self.peer_place, now)
        self.inbound.flush()
        self.drain()

    def kernel_sees(self) -> list[bytes]:
        """The packets in what was delivered, super-packets taken apart."""
        packets = []
        for written in self.tun:
            if not self.vnet:
                packets.append(written)
                continue
            header, packet = VirtioNetHdr.parse(written), written[VNET_HDR_SIZE:]
            packets += slow_split(packet, header) if header.gso_type else [packet]
        return packets


def pair(*, vnet: bool = True) -> tuple[End, End]:
    """Two ends with a session between them and nothing left over."""
    keys = PrivateKey(bytes([1]) * 32), PrivateKey(bytes([2]) * 32)
    a, b = End(0, keys[0], keys[1], vnet=vnet), End(1, keys[1], keys[0], vnet=vnet)
    a.read([(udp(b"first"), VirtioNetHdr())])
    exchange(a, b)
    assert [packet[-5:] for packet in b.kernel_sees()] == [b"first"]
    a.tun.clear()
    b.tun.clear()
    return a, b


def exchange(a: End, b: End, now: float = NOW) -> None:
    """Carry what is on the wire until nothing is."""
    for _ in range(10):
        sent, a.wire = a.wire, []
        back, b.wire = b.wire, []
        if not sent and not back:
            return
        b.receive(sent, now)
        a.receive(back, now)
    raise AssertionError("they talk for ever")


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

    b.inbound.receive(Datagrams(0, segment, segment, 5), elsewhere, NOW)
    b.inbound.flush()

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


_PAIR: list[tuple[End, End]] = []


def pair_once() -> tuple[End, End]:
    if not _PAIR:
        _PAIR.append(pair())
    return _PAIR[0]

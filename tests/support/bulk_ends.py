"""Two devices with their outbound and inbound roads, joined by hand."""

from __future__ import annotations

from collections.abc import Iterable

from meshc.engine.proto import datapath
from meshc.engine.proto.datapath import Arena, Buffers
from meshc.engine.proto.device import Device
from meshc.engine.proto.gro import Datagrams
from meshc.engine.proto.inbound import Inbound
from meshc.engine.proto.offload import VNET_HDR_SIZE, VirtioNetHdr
from meshc.engine.proto.outbound import Outbound, Outgoing
from meshc.engine.proto.tai64n import WallEpoch
from meshc.engine.proto.udp_path import UdpPath
from meshc.keys import PrivateKey
from meshc.prefixes import Prefix
from meshc.wg.device_values import DeviceUpdate, PeerUpdate
from tests.support.packets import slow_split, udp

ADDRESS = ("10.0.0.1", "10.0.0.2")
PLACE = (UdpPath("192.0.2.1", 1), UdpPath("192.0.2.2", 2))
NOW = 1000.0


class BulkEnd:
    """A device with its roads in bulk; `wire` is what it sent, `tun` what it delivered."""

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
        path = datapath.new()
        self.outbound = Outbound(self.device, path, vnet=vnet)
        self.inbound = Inbound(self.device, path, self.arena, udp=True if vnet else None)

    def send(self, sends: Iterable[Outgoing]) -> None:
        for send, endpoint in sends:
            assert endpoint == self.peer_place
            self.wire.append((bytes(send.data), send.segment))

    def write(self, writes: Iterable[Buffers]) -> None:
        for buffers in writes:
            self.tun.append(b"".join(map(bytes, buffers)))

    def drain(self) -> None:
        for _, datagrams in self.device.datagrams_to_send():
            self.wire += [(datagram, len(datagram)) for datagram in datagrams]
        self.tun += [
            (bytes(VNET_HDR_SIZE) if self.vnet else b"") + packet
            for packet in self.device.packets_to_deliver() + self.device.refusals_to_send()
        ]

    def read(self, packets: list[tuple[bytes, VirtioNetHdr]], now: float = NOW) -> None:
        """Packets from the TUN device; a single one goes the short way, as in the runner."""
        waiting = [(vnet.pack() if self.vnet else b"") + packet for packet, vnet in packets]
        alone = len(waiting) == 1
        while waiting:
            sizes = []
            for (slot,), data in zip(self.outbound.slots, waiting, strict=False):
                slot[: len(data)] = data
                sizes.append(len(data))
                if len(data) > self.outbound.slot_size:
                    break
            del waiting[: len(sizes)]
            take = (
                self.outbound.take_one(sizes[0], now) if alone else self.outbound.take(sizes, now)
            )
            self.send(take)
        self.send(self.outbound.flush())
        self.drain()

    def receive(self, sends: list[tuple[bytes, int]], now: float = NOW) -> None:
        """Sends as one GRO message each."""
        for data, segment in sends:
            self.arena.buffer[: len(data)] = data
            full, rest = divmod(len(data), segment)
            if full == 1 and not rest:
                self.write(self.inbound.receive_one(0, segment, self.peer_place, now))
                continue
            if full:
                run = Datagrams(0, segment, segment, full)
                self.write(self.inbound.receive(run, self.peer_place, now))
            if rest:
                tail = Datagrams(full * segment, segment, rest, 1)
                self.write(self.inbound.receive(tail, self.peer_place, now))
        self.write(self.inbound.flush())
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


def pair(*, vnet: bool = True) -> tuple[BulkEnd, BulkEnd]:
    """Two ends with a session between them and nothing left over."""
    keys = PrivateKey(bytes([1]) * 32), PrivateKey(bytes([2]) * 32)
    a, b = BulkEnd(0, keys[0], keys[1], vnet=vnet), BulkEnd(1, keys[1], keys[0], vnet=vnet)
    a.read([(udp(b"first"), VirtioNetHdr())])
    exchange(a, b)
    assert [packet[-5:] for packet in b.kernel_sees()] == [b"first"]
    a.tun.clear()
    b.tun.clear()
    return a, b


def exchange(a: BulkEnd, b: BulkEnd, now: float = NOW) -> None:
    """Carry what is on the wire until nothing is."""
    for _ in range(10):
        sent, a.wire = a.wire, []
        back, b.wire = b.wire, []
        if not sent and not back:
            return
        b.receive(sent, now)
        a.receive(back, now)
    raise AssertionError("they talk for ever")

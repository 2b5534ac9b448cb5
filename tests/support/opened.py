"""Messages that lie in a buffer as they would come, opened and delivered."""

from __future__ import annotations

from collections.abc import Sequence

from meshc.engine.proto import datapath
from meshc.engine.proto.allowedips import AllowedIPs
from meshc.engine.proto.datapath import Arena, Opened
from meshc.engine.proto.gro import Datagrams, GroBuffer
from meshc.engine.proto.keypair import Keypair
from meshc.prefixes import Prefix
from tests.support.packets import udp

SOURCE = bytes((10, 0, 0, 1))


class OpenedPackets:
    """Opens datagrams that lie `stride` apart, and delivers what `OWNER` may send."""

    OWNER = "the peer"

    def __init__(self, *, gro: bool = True) -> None:
        self.path = datapath.new()
        self.arena = Arena(600_000)
        self.rows = GroBuffer()
        self.gro = gro
        self.malformed = self.foreign = 0

    def open(self, keypair: Keypair, datagrams: Sequence[bytes], stride: int = 0) -> Opened:
        size = len(datagrams[0])
        stride = stride or size
        for row, datagram in enumerate(datagrams):
            self.arena.buffer[row * stride : row * stride + size] = datagram
        run = Datagrams(0, stride, size, len(datagrams))
        rows = self.rows
        rows.begin(size)
        opened = self.path.open_run(
            keypair.opening, self.arena, *run, rows.arena, rows.next_row, rows.stride
        )
        rows.add(size, run.number, opened.dead_mask)
        return opened

    def deliver(self) -> list[bytes]:
        header = 10 if self.gro else 0
        rows = self.rows
        delivery = self.path.deliver(
            rows.arena,
            rows.stride,
            rows.blocks,
            rows.dead,
            ROUTES,
            self.OWNER,
            True if self.gro else None,
            rows.joined,
        )
        rows.clear()
        packets = [b"".join(map(bytes, write))[header:] for write in delivery.writes]
        self.malformed, self.foreign = delivery.malformed, delivery.foreign
        return packets


def _routes() -> AllowedIPs[str]:
    table: AllowedIPs[str] = AllowedIPs()
    for text in ("10.0.0.1/32", "fd00::1/128"):
        table.insert(Prefix.parse(text), OpenedPackets.OWNER)
    return table


ROUTES = _routes()


def seal_all(keypair: Keypair, packets: Sequence[bytes]) -> list[bytes]:
    """Messages with consecutive counters."""
    return [keypair.sealing.seal(packet, 0) for packet in packets]


def unlike_packets(count: int, size: int = 100, port: int = 1) -> list[bytes]:
    """Packets that do not merge, all of one length."""
    return [udp(bytes([i]) * size, sport=port + i) for i in range(count)]

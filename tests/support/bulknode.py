"""A node of the test network that takes the fast road, as the engine's shell does."""

from __future__ import annotations

from collections.abc import Sequence

from meshc.engine.proto.bulk import Inbound, Outbound
from meshc.engine.proto.coalesce import Buffers
from meshc.engine.proto.device import Device
from meshc.engine.proto.opening import Datagrams
from meshc.engine.proto.rows import Arena
from meshc.engine.proto.sealing import Send
from meshc.engine.proto.udp_path import UdpPath
from meshc.engine.testing import Node

SLOT = 2176
SLOTS = 64
DATA = 4


class BulkNode(Node):
    """`Outbound` and `Inbound` around the device; small packets, no offload."""

    def __init__(self, name: str, device: Device, inside: UdpPath, *, nat: bool) -> None:
        super().__init__(name, device, inside, nat=nat)
        self.replace_device(device)

    def replace_device(self, device: Device) -> None:
        self.device = device
        self._sent: list[tuple[UdpPath, list[bytes]]] = []
        self._written: list[bytes] = []
        self._arena = Arena(SLOTS * SLOT + 65_536)
        self._outbound = Outbound(device, self._emit, vnet=False)
        self._inbound = Inbound(device, self._arena, self._write, coalescer=None)

    def from_tunnel(self, packets: Sequence[bytes], now: float) -> None:
        waiting = iter(packets)

        def read(buffers: Sequence[memoryview]) -> int:
            packet = next(waiting)
            buffers[0][: len(packet)] = packet
            return len(packet)

        if len(packets) == 1:
            self._outbound.pump_one(read, now)
        else:
            self._outbound.pump(read, len(packets), now)
        self._outbound.flush(now)

    def from_wire(self, datagrams: Sequence[bytes], source: UdpPath, now: float) -> None:
        """As the runner does: data by runs, or alone; the rest behind it."""
        for start in range(0, len(datagrams), SLOTS):
            self._batch(datagrams[start : start + SLOTS], source, now)

    def _batch(self, datagrams: Sequence[bytes], source: UdpPath, now: float) -> None:
        size = len(datagrams[0])
        for number, data in enumerate(datagrams):
            self._arena.view[number * SLOT : number * SLOT + size] = data
        if not size or datagrams[0][0] != DATA:
            strays = [(data, source) for data in datagrams]
            self.device.receive_unsorted(strays, lambda endpoint: endpoint, now)
        elif len(datagrams) == 1:
            self._inbound.receive_one(0, size, source, now)
        else:
            self._inbound.receive(Datagrams(0, SLOT, size, len(datagrams)), source, now)
            self._inbound.flush()

    def to_wire(self) -> list[tuple[UdpPath, list[bytes]]]:
        sent, self._sent = self._sent, []
        return sent + super().to_wire()

    def to_tunnel(self) -> list[bytes]:
        written, self._written = self._written, []
        return written + super().to_tunnel()

    def _emit(self, send: Send, endpoint: UdpPath) -> None:
        data = bytes(send.data)
        pieces = [data[at : at + send.segment] for at in range(0, len(data), send.segment)]
        self._sent.append((endpoint, pieces))

    def _write(self, buffers: Buffers) -> None:
        self._written.append(b"".join(buffers))

"""A node of the test network that takes the fast road, as the engine's shell does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshc.engine.proto import datapath
from meshc.engine.proto.datapath import Arena, Buffers
from meshc.engine.proto.device import Device
from meshc.engine.proto.gro import Datagrams
from meshc.engine.proto.inbound import Inbound
from meshc.engine.proto.outbound import Outbound, Outgoing
from meshc.engine.proto.udp_path import UdpPath
from meshc.engine.testing import SimulatedNode

SLOT = 2176
SLOTS = 64
DATA = 4


class BulkNode(SimulatedNode):
    """`Outbound` and `Inbound` around the device; small packets, no offload."""

    def __init__(self, name: str, device: Device, inside: UdpPath, *, nat: bool) -> None:
        super().__init__(name, device, inside, nat=nat)
        self.replace_device(device)

    def replace_device(self, device: Device) -> None:
        self.device = device
        self._sent: list[tuple[UdpPath, list[bytes]]] = []
        self._written: list[bytes] = []
        self._arena = Arena(SLOTS * SLOT + 65_536)
        path = datapath.new()
        self._outbound = Outbound(device, path, vnet=False)
        self._inbound = Inbound(device, path, self._arena, udp=None)

    def from_tunnel(self, packets: Sequence[bytes], now: float) -> None:
        outbound = self._outbound
        for start in range(0, len(packets), len(outbound.slots)):
            batch = packets[start : start + len(outbound.slots)]
            for (slot,), packet in zip(outbound.slots, batch, strict=False):
                slot[: len(packet)] = packet
            sizes = [len(packet) for packet in batch]
            if len(packets) == 1:
                self._send(outbound.take_one(sizes[0], now))
            else:
                self._send(outbound.take(sizes, now))
        self._send(outbound.flush())

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
            self._write(self._inbound.receive_one(0, size, source, now))
        else:
            run = Datagrams(0, SLOT, size, len(datagrams))
            self._write(self._inbound.receive(run, source, now))
            self._write(self._inbound.flush())

    def to_wire(self) -> list[tuple[UdpPath, list[bytes]]]:
        sent, self._sent = self._sent, []
        return sent + super().to_wire()

    def to_tunnel(self) -> list[bytes]:
        written, self._written = self._written, []
        return written + super().to_tunnel()

    def _send(self, sends: Iterable[Outgoing]) -> None:
        for send, endpoint in sends:
            data = bytes(send.data)
            pieces = [data[at : at + send.segment] for at in range(0, len(data), send.segment)]
            self._sent.append((endpoint, pieces))

    def _write(self, writes: Iterable[Buffers]) -> None:
        self._written += [b"".join(buffers) for buffers in writes]

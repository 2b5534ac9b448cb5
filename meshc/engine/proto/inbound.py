"""Inbound: received datagrams of transport data become packets for the TUN device, in bulk.

Anything else that comes with them is handed to `Device` as plain bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from meshc.engine.proto.datapath import AnyDataPath, Arena, Buffers
from meshc.engine.proto.datapath.opening import same_session
from meshc.engine.proto.datapath.sealing import OVERHEAD
from meshc.engine.proto.datapath.single import inner_length
from meshc.engine.proto.device import Device
from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.gro import Datagrams, GroBuffer
from meshc.engine.proto.offload import VNET_NONE
from meshc.engine.proto.peer import Peer
from meshc.engine.proto.udp_path import UdpPath

_DATA = 4
_HEADER = Struct("<II").unpack_from


class Inbound:
    """From UDP to the TUN device: `receive` each run of datagrams in `arena`, then `flush`.

    What these yield is to be written, and valid until the next is asked for. Ask for all of it.
    `udp` says whether the TUN device takes UDP super-packets, None that it has no virtio-net
    headers.
    """

    def __init__(
        self, device: Device, path: AnyDataPath, arena: Arena, *, udp: bool | None
    ) -> None:
        self._device = device
        self._path = path
        self._arena = arena
        self._udp = udp
        self._opened = GroBuffer()
        self._peer: Peer | None = None

    def receive_one(
        self, offset: int, size: int, endpoint: UdpPath, now: float
    ) -> Iterator[Buffers]:
        """A datagram that came alone: the shortest way, for the sake of latency."""
        if self._opened:
            yield from self.flush()
        device = self._device
        datagram = self._arena.view[offset : offset + size]
        kind, index = _HEADER(datagram) if size >= OVERHEAD else (0, 0)
        if kind != _DATA:
            device.receive_run(endpoint, (datagram,), now)
            return
        session = device.sessions.receiving(index, 1, now)
        if session is None:
            return
        peer, keypair = session
        packet = keypair.opening.open(datagram)
        if isinstance(packet, DropReason):
            device.drops[packet] += 1
            return
        if packet:
            length = inner_length(packet, device.allowed_ips, peer)
            if isinstance(length, DropReason):
                device.drops[length] += 1
            else:
                packet = packet[:length]
                yield [packet] if self._udp is None else [VNET_NONE, packet]
        has_data = size > OVERHEAD
        device.sessions.received(peer, keypair, endpoint, size=size, has_data=has_data, now=now)

    def receive(self, run: Datagrams, endpoint: UdpPath, now: float) -> Iterator[Buffers]:
        """Datagrams of one size from one endpoint."""
        if run.size < OVERHEAD:
            yield from self._hand_over(run, endpoint, now)
            return
        start, most = 0, self._opened.most(run.size)
        while start < run.number:
            offset = run.offset + start * run.stride
            number = min(run.number - start, most)
            end = start + same_session(self._arena, offset, run.stride, number)
            part = run if end - start == run.number else run.part(start, end)
            kind, index = _HEADER(self._arena.buffer, offset)
            if kind == _DATA:
                yield from self._open(part, index, endpoint, now)
            else:
                yield from self._hand_over(part, endpoint, now)
            start = end

    def flush(self) -> Iterator[Buffers]:
        """Everything that was opened."""
        opened, peer = self._opened, self._peer
        if not opened or peer is None:
            return
        delivery = self._path.deliver(
            opened.arena,
            opened.stride,
            opened.blocks,
            opened.dead,
            self._device.allowed_ips,
            peer,
            self._udp,
            opened.joined,
        )
        opened.clear()
        yield from delivery.writes
        drops = self._device.drops
        drops[DropReason.INNER_MALFORMED] += delivery.malformed
        drops[DropReason.INNER_SOURCE] += delivery.foreign

    def _open(self, run: Datagrams, index: int, endpoint: UdpPath, now: float) -> Iterator[Buffers]:
        device, rows = self._device, self._opened
        session = device.sessions.receiving(index, run.number, now)
        if session is None:
            return
        peer, keypair = session
        if peer is not self._peer or not rows.fits(run):
            yield from self.flush()
            self._peer = peer
        rows.begin(run.size)
        opened = self._path.open_run(
            keypair.opening, self._arena, *run, rows.arena, rows.next_row, rows.stride
        )
        rows.add(run.size, run.number, opened.dead_mask)
        device.drops[DropReason.BAD_AEAD] += opened.bad
        device.drops[DropReason.REPLAYED] += opened.replayed
        if opened.accepted:
            size, has_data = opened.accepted * run.size, opened.data > 0
            device.sessions.received(peer, keypair, endpoint, size=size, has_data=has_data, now=now)

    def _hand_over(self, run: Datagrams, endpoint: UdpPath, now: float) -> Iterator[Buffers]:
        """Handshakes and the like, to the device as they are."""
        yield from self.flush()
        view = self._arena.view
        starts = range(run.offset, run.offset + run.number * run.stride, run.stride)
        self._device.receive_run(endpoint, [view[at : at + run.size] for at in starts], now)

"""The fast road through a device: whole runs of transport data, without a packet object.

`Device` alone is complete and correct. This takes the traffic off it that comes in bulk and in
a session that stands: super-packets and small packets from the TUN device go out as sealed
runs, received runs go to the TUN device as super-packets. Anything else (no session, a
handshake, a packet without peer) is handed to the device as plain bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct

import numpy as np
from cryptography.exceptions import InvalidTag

from meshc.engine.proto.coalesce import Buffers, Coalescer
from meshc.engine.proto.datapath import destination_of
from meshc.engine.proto.device import Device
from meshc.engine.proto.errors import DropReason
from meshc.engine.proto.keypair import Keypair
from meshc.engine.proto.offload import (
    F_NEEDS_CSUM,
    VNET_HDR_SIZE,
    VNET_NONE,
    VirtioNetHdr,
    complete_checksum,
    ip_length,
    padded_length,
)
from meshc.engine.proto.opening import Datagrams, OpenedRows, read_headers
from meshc.engine.proto.peer import Peer
from meshc.engine.proto.rows import Arena
from meshc.engine.proto.sealing import OVERHEAD, SealedRun, Send
from meshc.engine.proto.segment import Segmenter
from meshc.engine.proto.udp_path import UdpPath

SLOT = 2048
SLOTS = 64
# Packets start on a multiple of four behind their virtio-net headers.
_PACKET = 16
_HEADER = _PACKET - VNET_HDR_SIZE
_MOST = 65_536

_DATA = 4
_FEW = 3
_ZEROS = bytes(16)
_DESTINATION_V4, _DESTINATION_V6 = slice(16, 20), slice(24, 40)
_MESSAGE = Struct("<IIQ").unpack_from
_COUNTER = Struct("<Q").pack
_NONCE = Struct("<4xQ").pack


class Outbound:
    """From the TUN device to UDP.

    `pump` reads packets, `flush` sends what is left; `pump_one` does both for a packet that
    is alone. Sends go to `emit` while their buffers hold.
    """

    def __init__(
        self, device: Device, emit: Callable[[Send, UdpPath], None], *, vnet: bool
    ) -> None:
        self._device = device
        self._emit = emit
        self._vnet = vnet
        self._arena = Arena(SLOTS * SLOT + _MOST)
        self._offset = _HEADER if vnet else _PACKET
        slots = self._arena.slots(self._offset, SLOT, _MOST - _PACKET, SLOTS)
        self._slots = [(slot,) for slot in slots]
        self._segmenter = Segmenter()
        self._run = SealedRun()
        self._endpoint: UdpPath | None = None
        # Packets read but not sealed yet lie in adjacent slots and are alike: of one size, to
        # one address, with one virtio-net header.
        self._first = self._next = 0
        self._size = 0
        self._head = self._destination = b""
        self._span = slice(0)
        self._peer: Peer | None = None

    def pump(self, read: Callable[[Sequence[memoryview]], int], budget: int, now: float) -> int:
        """Read and take in up to `budget` packets; how many it were.

        `read` fills the first of the buffers given with a packet, behind its virtio-net header
        if there is one, and returns its size (`os.readv`). What it raises comes through: all
        packets before that have been taken in.
        """
        buffer, slots = self._arena.buffer, self._slots
        for _ in range(budget):
            slot = self._next
            size = read(slots[slot])
            at = slot * SLOT + _PACKET
            if (
                slot > self._first
                and size == self._size
                and buffer[at - 10 : at] == self._head
                and buffer[at + self._span.start : at + self._span.stop] == self._destination
            ):
                self._next = slot + 1
                if slot + 1 == SLOTS:
                    self._seal_waiting(now)
            else:
                self._add(size, at, now)
        return budget

    def pump_one(self, read: Callable[[Sequence[memoryview]], int], now: float) -> None:
        """Read a packet and send it: the shortest way, for the sake of latency.

        What cannot go that way, as a super-packet, is taken in as `pump` does it. Nothing may
        wait for `flush` before. Raises what `read` does.
        """
        size = read(self._slots[0])
        buffer, device = self._arena.buffer, self._device
        length, gso = size, 0
        if self._vnet:
            length, gso = size - VNET_HDR_SIZE, buffer[_HEADER + 1]
        packet = self._arena.view[_PACKET : _PACKET + length]
        destination = None if gso or length > SLOT - _PACKET else destination_of(packet)
        peer = None if destination is None else device.allowed_ips.lookup(destination)
        keypair = None if peer is None else self._keypair(peer, 1, now)
        if peer is None or keypair is None or peer.endpoint is None:
            self._add(size, _PACKET, now)
            return
        if not self._complete(packet, _PACKET):
            return
        padded = padded_length(length, device.mtu or _MOST)
        if padded != length:
            packet = self._arena.view[_PACKET : _PACKET + padded]
            packet[length:] = _ZEROS[: padded - length]
        counter = keypair.send_counter
        keypair.send_counter = counter + 1
        sealed = keypair.seal(_NONCE(counter), packet, None)
        data = b"".join((keypair.header, _COUNTER(counter), sealed))
        self._emit(Send(memoryview(data), len(data), 1), peer.endpoint)
        device.sessions.sent(peer, keypair, size=len(data), now=now)
        peer.timers.data_sent(now)

    def _add(self, size: int, at: int, now: float) -> None:
        """Take in a packet that is not like those that wait, if any do."""
        length = size - VNET_HDR_SIZE if self._vnet else size
        buffer = self._arena.buffer
        packet = self._arena.view[at : at + length]
        if self._vnet and buffer[at - VNET_HDR_SIZE + 1]:
            self._super_packet(packet, VirtioNetHdr.parse(buffer, at - VNET_HDR_SIZE), now)
            return
        self._seal_waiting(now, keep=True)
        destination = destination_of(packet)
        peer = None if destination is None else self._device.allowed_ips.lookup(destination)
        if destination is None or peer is None or length > SLOT - _PACKET:
            plain = bytearray(packet)
            if self._complete(plain, at):
                self._hand_over([bytes(plain)], now)
            self._next = self._first = 0
            return
        self._peer = peer
        self._size = size
        self._head = bytes(buffer[at - VNET_HDR_SIZE : at])
        self._destination = destination
        self._span = _DESTINATION_V4 if len(destination) == 4 else _DESTINATION_V6
        self._next += 1
        if self._next == SLOTS:
            self._seal_waiting(now)

    def _complete(self, packet: bytearray | memoryview, at: int) -> bool:
        """Finish the checksum of the packet read at `at`, if that is left to us."""
        buffer = self._arena.buffer
        if not self._vnet or not buffer[at - VNET_HDR_SIZE] & F_NEEDS_CSUM:
            return True
        vnet = VirtioNetHdr.parse(buffer, at - VNET_HDR_SIZE)
        if complete_checksum(packet, vnet.csum_start, vnet.csum_offset):
            return True
        self._device.drops[DropReason.PACKET_MALFORMED] += 1
        return False

    def flush(self, now: float) -> None:
        """There is nothing more to read for now: send everything."""
        self._seal_waiting(now)
        self._emit_run(everything=True)

    def _super_packet(self, packet: memoryview, vnet: VirtioNetHdr, now: float) -> None:
        """Segment and seal; a super-packet has one destination."""
        self._seal_waiting(now)
        destination = destination_of(packet)
        peer = None if destination is None else self._device.allowed_ips.lookup(destination)
        mtu = self._device.mtu or _MOST
        steps = self._segmenter.split(packet, vnet, mtu)
        empty = True
        for views, count, last in steps:
            empty = False
            keypair = None if peer is None else self._keypair(peer, count + 1, now)
            if peer is None or keypair is None:
                parts = views[:count] if last is None else [*views[:count], last]
                self._hand_over([bytes(part) for part in parts], now)
                continue
            if count:
                self._seal(peer, keypair, views, count, now)
            if last is not None:
                self._seal(peer, keypair, (last,), 1, now)
            peer.timers.data_sent(now)
        if empty:
            self._device.drops[DropReason.PACKET_MALFORMED] += 1
        self._emit_run(everything=False)

    def _seal_waiting(self, now: float, *, keep: bool = False) -> None:
        """Seal the packets that wait in slots; `keep` leaves the slot read last where it is."""
        first, count = self._first, self._next - self._first
        self._first = self._next if keep else 0
        if not keep:
            self._next = 0
        peer = self._peer
        if not count or peer is None:
            return
        length = self._size - VNET_HDR_SIZE if self._vnet else self._size
        padded = padded_length(length, self._device.mtu or _MOST)
        start = first * SLOT + _PACKET
        if count <= _FEW:
            views = self._finish_few(start, count, length, padded)
        else:
            views = self._finish_many(first, count, length, padded)
        if not views:
            return
        keypair = self._keypair(peer, len(views), now)
        if keypair is None:
            self._hand_over([bytes(view) for view in views], now)
            return
        self._seal(peer, keypair, views, len(views), now)
        peer.timers.data_sent(now)

    def _finish_few(self, start: int, count: int, length: int, padded: int) -> list[memoryview]:
        """Checksums and padding, one by one; the views to seal."""
        view = self._arena.view
        views = []
        for at in range(start, start + count * SLOT, SLOT):
            if self._complete(view[at : at + length], at):
                if padded != length:
                    view[at + length : at + padded] = _ZEROS[: padded - length]
                views.append(view[at : at + padded])
        return views

    def _finish_many(self, first: int, count: int, length: int, padded: int) -> list[memoryview]:
        """Checksums and padding, all at once, since the packets are alike."""
        arena = self._arena
        end = first + count
        # Sums go over whole words: what follows the packet up to there must be zero, too.
        clear = max(padded, length + 3 & ~3)
        if clear > length:
            arena.matrix(_PACKET + length, SLOT, clear - length, end)[first:] = 0
        if self._vnet and self._head[0] & F_NEEDS_CSUM:
            vnet = VirtioNetHdr.parse(self._head)
            start, field = vnet.csum_start, vnet.csum_start + vnet.csum_offset
            if start % 4 or field + 2 > length:
                return self._finish_few(first * SLOT + _PACKET, count, length, padded)
            words = arena.words(_PACKET + start, SLOT, (length + 3 & ~3) - start, end)[first:]
            sums = np.add.reduce(words, axis=1, dtype=np.uint64)
            sums %= 0xFFFF
            arena.field(_PACKET + field, SLOT, "<u2", end)[first:] = 0xFFFF - sums
        return arena.slots(_PACKET, SLOT, padded, end)[first:end]

    def _keypair(self, peer: Peer, count: int, now: float) -> Keypair | None:
        """The session that may carry `count` packets now; None sends them through the device."""
        keypair = peer.keypairs.current
        if keypair is None or peer.staged or peer.endpoint is None:
            return None
        return keypair if self._device.is_up and keypair.usable(now, count) else None

    def _seal(
        self, peer: Peer, keypair: Keypair, views: Sequence[memoryview], count: int, now: float
    ) -> None:
        run = self._run
        padded = len(views[0])
        if peer.endpoint is not self._endpoint or not run.fits(padded, count):
            self._emit_run(everything=True)
            self._endpoint = peer.endpoint
        run.seal(keypair, views, count)
        self._device.sessions.sent(peer, keypair, size=count * (padded + OVERHEAD), now=now)

    def _emit_run(self, *, everything: bool) -> None:
        endpoint = self._endpoint
        if endpoint is not None and self._run:
            for send in self._run.take(everything=everything):
                self._emit(send, endpoint)

    def _hand_over(self, packets: list[bytes], now: float) -> None:
        """To the device, behind what is sealed already."""
        self._emit_run(everything=True)
        self._device.receive_packets(packets, now)


class Inbound:
    """From UDP to the TUN device: `receive` each run, then `flush`.

    What is to be written goes to `write` while its buffers hold.
    """

    def __init__(
        self,
        device: Device,
        arena: Arena,
        write: Callable[[Buffers], None],
        *,
        coalescer: Coalescer | None,
    ) -> None:
        self._device = device
        self._arena = arena
        self._write = write
        self._coalescer = coalescer
        self._rows = OpenedRows()
        self._peer: Peer | None = None

    def receive_one(self, offset: int, size: int, endpoint: UdpPath, now: float) -> None:
        """A datagram that came alone, in `arena`: the shortest way, for the sake of latency."""
        if self._rows:
            self.flush()
        view = self._arena.view
        kind, index, counter = _MESSAGE(view, offset) if size >= OVERHEAD else (0, 0, 0)
        if kind != _DATA:
            self._device.receive_run(endpoint, (view[offset : offset + size],), now)
            return
        sessions = self._device.sessions
        session = sessions.receiving(index, 1, now)
        if session is None:
            return
        peer, keypair = session
        drops = sessions.drops
        try:
            packet = keypair.open(_NONCE(counter), view[offset + 16 : offset + size], None)
        except InvalidTag:
            drops[DropReason.BAD_AEAD] += 1
            return
        if not keypair.replay.accept(counter):
            drops[DropReason.REPLAYED] += 1
            return
        padded = size - OVERHEAD
        if padded:
            self._deliver_one(packet, padded, peer)
        sessions.received(peer, keypair, endpoint, size=size, has_data=padded > 0, now=now)

    def _deliver_one(self, packet: bytes, padded: int, peer: Peer) -> None:
        """Write an inner packet of the peer's without its padding, if it may send it."""
        length = ip_length(packet, padded)
        if not length:
            self._device.drops[DropReason.INNER_MALFORMED] += 1
            return
        source = packet[12:16] if packet[0] >> 4 == 4 else packet[8:24]
        if self._device.allowed_ips.lookup(source) is not peer:
            self._device.drops[DropReason.INNER_SOURCE] += 1
            return
        packet = packet[:length]
        self._write([packet] if self._coalescer is None else [VNET_NONE, packet])

    def receive(self, run: Datagrams, endpoint: UdpPath, now: float) -> None:
        """Datagrams of one size from one endpoint, in `arena`."""
        if run.size < OVERHEAD:
            self._plain(run, endpoint, now)
            return
        most = self._rows.most(run.size)
        if run.number > most:
            for start in range(0, run.number, most):
                part = run.part(start, min(start + most, run.number))
                self.receive(part, endpoint, now)
            return
        headers = read_headers(self._arena, run)
        index, count = headers.indices[0], run.number
        if headers.types.count(_DATA) == count and headers.indices.count(index) == count:
            self._open(run, index, headers.counters, endpoint, now)
            return
        start = 0
        for end in range(1, count + 1):
            same = end < count and headers.types[end] == headers.types[start] == _DATA
            if same and headers.indices[end] == headers.indices[start]:
                continue
            part = run.part(start, end)
            if headers.types[start] == _DATA:
                counters = headers.counters[start:end]
                self._open(part, headers.indices[start], counters, endpoint, now)
            else:
                self._plain(part, endpoint, now)
            start = end

    def flush(self) -> None:
        """Deliver what was opened."""
        if not self._rows:
            return
        lookup = self._device.allowed_ips.lookup
        delivery = self._rows.deliver(self._peer, lookup, self._coalescer)
        for buffers in delivery.writes:
            self._write(buffers)
        drops = self._device.drops
        drops[DropReason.INNER_MALFORMED] += delivery.malformed
        drops[DropReason.INNER_SOURCE] += delivery.foreign

    def _open(
        self,
        run: Datagrams,
        index: int,
        counters: tuple[int, ...],
        endpoint: UdpPath,
        now: float,
    ) -> None:
        sessions = self._device.sessions
        session = sessions.receiving(index, run.number, now)
        if session is None:
            return
        peer, keypair = session
        if peer is not self._peer or not self._rows.fits(run):
            self.flush()
            self._peer = peer
        opened = self._rows.open(keypair, self._arena, run, counters)
        drops = sessions.drops
        drops[DropReason.BAD_AEAD] += opened.bad
        drops[DropReason.REPLAYED] += opened.replayed
        if opened.accepted:
            sessions.received(
                peer,
                keypair,
                endpoint,
                size=opened.accepted * run.size,
                has_data=opened.data > 0,
                now=now,
            )

    def _plain(self, run: Datagrams, endpoint: UdpPath, now: float) -> None:
        """Handshakes and the like, to the device as they are."""
        self.flush()
        view = self._arena.view
        starts = range(run.offset, run.offset + run.number * run.stride, run.stride)
        self._device.receive_run(endpoint, [view[at : at + run.size] for at in starts], now)

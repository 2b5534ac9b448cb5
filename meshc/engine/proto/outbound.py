"""Outbound: packets from the TUN device become sealed datagrams, in bulk.

It takes the traffic off `Device` that has a session. Anything else (no session, no peer, a packet
that is too long for a slot) is handed to the device as plain bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshc.engine.proto.datapath import AnyDataPath, Arena, PartialChecksum, single
from meshc.engine.proto.datapath.sealing import OVERHEAD
from meshc.engine.proto.datapath.segment import MOST_SEGMENTS, Segmentation, split
from meshc.engine.proto.device import Device
from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.gso import GsoBuffer, Send
from meshc.engine.proto.offload import (
    F_NEEDS_CSUM,
    VNET_HDR_SIZE,
    VirtioNetHdr,
    complete_checksum,
    padded_length,
)
from meshc.engine.proto.peer import Peer
from meshc.engine.proto.udp_path import UdpPath

SLOT = 2048
SLOTS = 64
# Packets start on a multiple of four behind their virtio-net headers.
_PACKET = 16
_HEADER = _PACKET - VNET_HDR_SIZE
# The longest that there is: an IPv6 header and all that its length field can tell (RFC 8200
# section 3). What is longer (a jumbogram) fills the slot, and may have been cut.
_LONGEST = 40 + 65_535
_MOST = 65_536 + 64
_ROOM = SLOT - _PACKET

_DESTINATION_V4, _DESTINATION_V6 = slice(16, 20), slice(24, 40)

Outgoing = tuple[Send, UdpPath]


class Outbound:
    """From the TUN device to UDP: read packets into `slots`, then `take` them; `flush` gives what
    waits for more of its kind.

    What these yield is valid until the next is asked for. Ask for all of it.
    """

    def __init__(self, device: Device, path: AnyDataPath, *, vnet: bool) -> None:
        self._device = device
        self._path = path
        self._vnet = vnet
        self._arena = Arena(SLOTS * SLOT + _MOST)
        start = _HEADER if vnet else _PACKET
        views = self._arena.slots(start, SLOT, VNET_HDR_SIZE + _LONGEST + 1, SLOTS)
        self.slots: list[tuple[memoryview]] = [(view,) for view in views]
        """A packet each, behind its virtio-net header if there is one: for readv(2); room for more
        than the longest, so that one that was cut can be told."""
        self.slot_size = SLOT - start
        """What a slot holds without running over into the next; a super-packet does."""
        self._sealed = GsoBuffer()
        self.room = _ROOM
        """The longest packet that is taken together with others."""

    @property
    def sealed(self) -> Arena:
        """Where datagrams lie until they are sent; free between `flush` and the next `take`."""
        return self._sealed.arena

    def packet(self, size: int) -> memoryview:
        """What lies in the first slot, of `size` octets with its virtio-net header."""
        length = size - VNET_HDR_SIZE if self._vnet else size
        return self._arena.view[_PACKET : _PACKET + max(0, length)]

    def take(self, sizes: Sequence[int], now: float) -> Iterator[Outgoing]:
        """The packets in the first slots, of `sizes` octets with their virtio-net headers.

        Only the last may be more than `slot_size`.
        """
        start, count = 0, len(sizes)
        while start < count:
            end = start + 1 if self._is_super(start) else self._alike(sizes, start)
            yield from self._take_run(start, end - start, sizes[start], now)
            start = end

    def take_one(self, size: int, now: float) -> Iterator[Outgoing]:
        """The packet in the first slot, sent at once: the shortest way, for the sake of latency.

        Nothing may wait for `flush` before.
        """
        length = size - VNET_HDR_SIZE if self._vnet else size
        packet = self._arena.view[_PACKET : _PACKET + length]
        if length > _ROOM or self._is_super(0):
            yield from self._take_run(0, 1, size, now)
            return
        device = self._device
        destination = single.destination_of(packet)
        peer = None if destination is None else device.allowed_ips.lookup(destination)
        keypair = None if peer is None else device.sessions.sending(peer, 1, now)
        if peer is None or keypair is None or peer.endpoint is None:
            yield from self._take_run(0, 1, size, now)
            return
        csum = self._checksum(0)
        if csum is not None and not complete_checksum(packet, *csum):
            device.drops[DropReason.PACKET_MALFORMED] += 1
            return
        data = keypair.sealing.seal(packet, device.mtu)
        yield Send(memoryview(data), len(data), 1), peer.endpoint
        device.sessions.sent(peer, keypair, size=len(data), now=now)
        peer.timers.data_sent(now)

    def flush(self) -> Iterator[Outgoing]:
        """There is nothing more to read for now: everything that was sealed."""
        return self._emit(everything=True)

    def _is_super(self, slot: int) -> bool:
        return self._vnet and self._arena.buffer[slot * SLOT + _HEADER + 1] != 0

    def _checksum(self, slot: int) -> PartialChecksum | None:
        """What the virtio-net header says is left to us."""
        at = slot * SLOT + _HEADER
        if not self._vnet or not self._arena.buffer[at] & F_NEEDS_CSUM:
            return None
        header = VirtioNetHdr.parse(self._arena.buffer, at)
        return PartialChecksum(header.csum_start, header.csum_offset)

    def _alike(self, sizes: Sequence[int], first: int) -> int:
        """Where the packets end that are like the first of them: of one size, to one address,
        with one virtio-net header."""
        buffer, size = self._arena.buffer, sizes[first]
        at = first * SLOT + _PACKET
        span = _DESTINATION_V4 if buffer[at] >> 4 == 4 else _DESTINATION_V6
        head, destination = (
            buffer[at - VNET_HDR_SIZE : at],
            buffer[at + span.start : at + span.stop],
        )
        for slot in range(first + 1, len(sizes)):
            at = slot * SLOT + _PACKET
            if (
                sizes[slot] != size
                or buffer[at - VNET_HDR_SIZE : at] != head
                or buffer[at + span.start : at + span.stop] != destination
            ):
                return slot
        return len(sizes)

    def _take_run(self, slot: int, count: int, size: int, now: float) -> Iterator[Outgoing]:
        """Packets that are alike, or one super-packet."""
        device = self._device
        at = slot * SLOT + _PACKET
        length = size - VNET_HDR_SIZE if self._vnet else size
        if length > _LONGEST:
            device.drops[DropReason.PACKET_MALFORMED] += count
            return
        packet = self._arena.view[at : at + length]
        destination = single.destination_of(packet)
        peer = None if destination is None else device.allowed_ips.lookup(destination)
        if self._is_super(slot):
            header = VirtioNetHdr.parse(self._arena.buffer, at - VNET_HDR_SIZE)
            yield from self._take_super(peer, packet, header, now)
            return
        csum = self._checksum(slot)
        if csum is not None and sum(csum) + 2 > length:
            device.drops[DropReason.PACKET_MALFORMED] += count
            return
        sessions = device.sessions
        keypair = None if peer is None or length > _ROOM else sessions.sending(peer, count, now)
        if peer is None or keypair is None:
            yield from self._hand_over(self._copies(at, count, length, csum), now)
            return
        datagram = padded_length(length, device.mtu) + OVERHEAD
        out = self._sealed
        if not self._joins(peer, datagram, count):
            yield from self._emit(everything=True)
            out.endpoint = peer.endpoint
        self._path.seal_run(
            keypair.sealing,
            self._arena,
            at,
            SLOT,
            length,
            count,
            device.mtu,
            csum,
            out.arena,
            out.begin(datagram),
        )
        out.add(count, datagram)
        sessions.sent(peer, keypair, size=count * datagram, now=now)
        peer.timers.data_sent(now)

    def _take_super(
        self, peer: Peer | None, packet: memoryview, header: VirtioNetHdr, now: float
    ) -> Iterator[Outgoing]:
        """Segment and seal; a super-packet has one destination."""
        device, out = self._device, self._sealed
        gso = Segmentation.of(packet, header)
        if gso is None:
            device.drops[DropReason.PACKET_MALFORMED] += 1
            return
        sessions = device.sessions
        keypair = None if peer is None else sessions.sending(peer, gso.number, now)
        if peer is None or keypair is None:
            yield from self._hand_over(split(packet, gso), now)
            return
        datagram = padded_length(gso.length, device.mtu) + OVERHEAD
        first = 0
        while first < gso.number:
            if not self._joins(peer, datagram, min(gso.number - first, MOST_SEGMENTS)):
                yield from self._emit(everything=True)
                out.endpoint = peer.endpoint
            sealed = self._path.split_seal(
                keypair.sealing,
                packet,
                gso,
                device.mtu,
                out.arena,
                out.begin(datagram),
                first,
            )
            out.add(*sealed)
            first += sealed.number + (sealed.last_size > 0)
            size = sealed.number * sealed.size + sealed.last_size
            sessions.sent(peer, keypair, size=size, now=now)
            peer.timers.data_sent(now)
        yield from self._emit(everything=False)

    def _copies(
        self, at: int, count: int, length: int, csum: PartialChecksum | None
    ) -> list[bytes]:
        """Packets that lie in slots as bytes, with their checksums finished."""
        packets = []
        for start in range(at, at + count * SLOT, SLOT):
            packet = self._arena.view[start : start + length]
            if csum is not None:
                complete_checksum(packet, *csum)
            packets.append(bytes(packet))
        return packets

    def _joins(self, peer: Peer, datagram: int, count: int) -> bool:
        """Whether these can join what waits; if not, that must be sent first."""
        sealed = self._sealed
        return peer.endpoint is sealed.endpoint and sealed.fits(datagram, count)

    def _emit(self, *, everything: bool) -> Iterator[Outgoing]:
        endpoint = self._sealed.endpoint
        if endpoint is not None and self._sealed:
            for send in self._sealed.take(everything=everything):
                yield send, endpoint

    def _hand_over(self, packets: list[bytes], now: float) -> Iterator[Outgoing]:
        """To the device, behind what is sealed already."""
        yield from self._emit(everything=True)
        self._device.receive_packets(packets, now)

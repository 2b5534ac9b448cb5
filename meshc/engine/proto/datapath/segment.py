"""Segmentation (GSO): super-packets from the TUN device become packets of one segment each.

One read brings up to 64 KiB of one TCP (or UDP) flow behind one header. The rows of a numpy
matrix become the packets: the header is written to all rows at once, then the few fields
that differ (length, IP id, sequence number, checksums) are written as columns.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

import numpy as np

from meshc.engine.proto.datapath.arena import U8, Arena
from meshc.engine.proto.offload import (
    CWR,
    FIN,
    GSO_ECN,
    GSO_TCPV4,
    GSO_TCPV6,
    GSO_UDP_L4,
    PROTO_TCP,
    PROTO_UDP,
    PSH,
    TCP_CSUM_OFFSET,
    UDP_CSUM_OFFSET,
    VirtioNetHdr,
    checksum,
)

MOST_SEGMENTS = 128
"""Of one super-packet: what the kernel's UDP makes at most, and what the TUN device is told. One of
64 KiB in segments of an octet would be 65,000 packets from one read."""
LEAST_SEGMENT = 16
"""Octets of payload in a segment; TCP has no fewer than 48 (tcp_min_snd_mss)."""

_DF = 0x40
_ARENA = 192 * 1024
_U16 = Struct(">H")
_U32 = Struct(">I")
_INDEX = np.arange(MOST_SEGMENTS, dtype=np.int64)


class Segmentation(NamedTuple):
    """How a super-packet is to be split: where its transport header begins, the size of all
    headers, the protocol, octets of payload in a segment and the number of segments."""

    transport: int
    header: int
    protocol: int
    mss: int
    number: int
    payload: int

    @property
    def length(self) -> int:
        """Octets of the first segment, the longest."""
        return self.header + min(self.mss, self.payload)

    @classmethod
    def of(cls, packet: memoryview, vnet: VirtioNetHdr) -> Segmentation | None:
        """What the headers say; None if they contradict each other or ask for too many.

        `hdr_len` is not looked at: in the forward path the kernel may fill it with the length
        of the whole linear part, so the TCP header itself says how long it is.
        """
        kind = vnet.gso_type & ~GSO_ECN
        transport = vnet.csum_start
        size = len(packet)
        if transport < 20 or transport % 4 or transport + 8 > size or not vnet.gso_size:
            return None
        version = packet[0] >> 4
        if version == 4:
            if transport != (packet[0] & 15) * 4 or kind not in (GSO_TCPV4, GSO_UDP_L4):
                return None
        elif version != 6 or transport < 40 or kind not in (GSO_TCPV6, GSO_UDP_L4):
            return None
        if kind == GSO_UDP_L4:
            header, protocol = transport + 8, PROTO_UDP
        else:
            if transport + 20 > size:
                return None
            header, protocol = transport + (packet[transport + 12] >> 4) * 4, PROTO_TCP
            if header < transport + 20:
                return None
        mss, payload = vnet.gso_size, size - header
        if payload <= 0 or header + mss > 0xFFFF or mss < LEAST_SEGMENT:
            return None
        number = -(-payload // mss)
        if number > MOST_SEGMENTS:
            return None
        return cls(transport, header, protocol, mss, number, payload)


class Segments(NamedTuple):
    """Segments in the rows of an arena, `stride` apart: `full` of them with all of the MSS, then
    maybe one with `tail` octets of payload; zeros follow each."""

    stride: int
    full: int
    tail: int


class Segmenter:
    """Splits super-packets into rows of its own arena, which the next call overwrites."""

    def __init__(self) -> None:
        self.arena = Arena(_ARENA)
        self._clean: tuple[int, int] | None = None

    def fill(self, packet: memoryview, gso: Segmentation, first: int) -> Segments:
        """Make complete packets of the segments from number `first` on, at most
        `MOST_SEGMENTS`."""
        size, mss = gso.header, gso.mss
        header = _Header(packet, gso)
        stride = (size + mss + 15) & ~15
        count = min(MOST_SEGMENTS, _ARENA // stride, gso.number - first)
        arena = self.arena
        full, tail = self._copy(packet, header, first, count, mss, stride)
        header.number(arena, stride, first, count, mss)
        if first + count == gso.number:
            header.end(arena.view, (count - 1) * stride, size + tail if tail else 0)
        header.sum(arena, stride, full, count, size + mss, size + tail)
        return Segments(stride, full, tail)

    def _copy(
        self, packet: memoryview, header: _Header, first: int, count: int, mss: int, stride: int
    ) -> tuple[int, int]:
        """Fill rows with header and payload; how many are full, and how long the rest is."""
        size = header.size
        start = size + first * mss
        payload = len(packet) - start
        full = min(count, payload // mss)
        rows = self.arena.matrix(0, stride, stride, count)
        if self._clean != (size, mss):
            # What follows the packets must be zero, for padding and sums; it stays so as long
            # as the layout does.
            self._clean = (size, mss)
            self.arena.matrix(0, stride, stride, _ARENA // stride)[:, size + mss :] = 0
        rows[:, :size] = header.template(size + mss)
        body = np.frombuffer(packet, np.uint8, full * mss, start)
        rows[:full, size : size + mss] = body.reshape(full, mss)
        if full == count:
            return full, 0
        tail = payload - full * mss
        rows[full, size : size + tail] = np.frombuffer(packet, np.uint8, tail, start + full * mss)
        rows[full, size + tail :] = 0
        return full, tail


class _Header:
    """The header of a super-packet and how its copies differ from row to row."""

    __slots__ = (
        "_base",
        "_flags",
        "_id",
        "_sequence",
        "_varies",
        "protocol",
        "size",
        "transport",
        "v4",
    )

    def __init__(self, packet: memoryview, gso: Segmentation) -> None:
        transport = gso.transport
        self._base = bytearray(packet[: gso.header])
        self.transport = transport
        self.size = gso.header
        self.protocol = gso.protocol
        self.v4 = packet[0] >> 4 == 4
        # RFC 6864 4.1: "Originating sources MAY set the IPv4 ID field of atomic datagrams to any
        # value": with DF set all rows keep one id, and one header checksum.
        self._varies = self.v4 and not packet[6] & _DF
        self._id = _U16.unpack_from(packet, 4)[0]
        self._sequence = self._flags = 0
        if gso.protocol == PROTO_TCP:
            self._sequence = _U32.unpack_from(packet, transport + 4)[0]
            self._flags = packet[transport + 13]
            # Only the last segment ends the burst, only the first tells of the reduced window
            # (RFC 3168 6.1.2).
            self._base[transport + 13] &= ~(FIN | PSH | CWR) & 0xFF

    def template(self, length: int) -> U8:
        """Header octets for a packet of `length` bytes; sums of the transport are 0."""
        base = self._base
        transport = self.transport
        if self.v4:
            _U16.pack_into(base, 2, length)
            _U16.pack_into(base, 10, 0)
            _U16.pack_into(base, 10, 0xFFFF - checksum(base[:transport]) % 0xFFFF)
        else:
            _U16.pack_into(base, 4, length - 40)
        if self.protocol == PROTO_TCP:
            _U16.pack_into(base, transport + TCP_CSUM_OFFSET, 0)
        else:
            _U16.pack_into(base, transport + 4, length - transport)
            _U16.pack_into(base, transport + UDP_CSUM_OFFSET, 0)
        return np.frombuffer(base, np.uint8)

    def number(self, arena: Arena, stride: int, first: int, count: int, mss: int) -> None:
        """Write TCP sequence numbers, and IP ids with their checksums where they must differ."""
        if self._varies:
            ids = (_INDEX[:count] + (self._id + first)) & 0xFFFF
            arena.field(4, stride, ">u2", count)[:] = ids
            fixed = int(_U16.unpack_from(self._base, 10)[0]) + self._id
            check = (fixed - ids) % 0xFFFF
            check[check == 0] = 0xFFFF
            arena.field(10, stride, ">u2", count)[:] = check
        if self.protocol == PROTO_TCP:
            transport = self.transport
            numbers = _INDEX[:count] * mss
            numbers += self._sequence + first * mss
            numbers &= 0xFFFFFFFF
            arena.field(transport + 4, stride, ">u4", count)[:] = numbers
            if first == 0 and self._flags & CWR:
                arena.buffer[transport + 13] |= CWR

    def end(self, view: memoryview, at: int, length: int) -> None:
        """Make the row at `at` the last one: its own flags, and `length` if it is short."""
        if self.protocol == PROTO_TCP:
            view[at + self.transport + 13] |= self._flags & (FIN | PSH)
        if not length:
            return
        if self.v4:
            before = _U16.unpack_from(view, at + 2)[0]
            check = _U16.unpack_from(view, at + 10)[0]
            _U16.pack_into(view, at + 2, length)
            _U16.pack_into(view, at + 10, (check + before - length) % 0xFFFF or 0xFFFF)
        else:
            _U16.pack_into(view, at + 4, length - 40)
        if self.protocol == PROTO_UDP:
            _U16.pack_into(view, at + self.transport + 4, length - self.transport)

    def sum(
        self, arena: Arena, stride: int, full: int, count: int, length: int, last_length: int
    ) -> None:
        """Write the transport checksums of all rows, whose fields are 0 so far."""
        transport = self.transport
        # Sums are taken in native words: RFC 1071 (2)(B), the sum is independent of byte order
        # as long as the result is written back in the same order.
        words = arena.words(transport, stride, stride - transport, count)
        sums = np.add.reduce(words, axis=1, dtype=np.uint64)
        base = self._base
        addresses = base[12:20] if self.v4 else base[8:40]
        fixed = int.from_bytes(addresses, "little") % 0xFFFF + (self.protocol << 8)
        sums += fixed + _swap(length - transport)
        if full < count:
            sums[full] += 0xFFFF + _swap(last_length - transport) - _swap(length - transport)
        sums %= 0xFFFF
        offset = TCP_CSUM_OFFSET if self.protocol == PROTO_TCP else UDP_CSUM_OFFSET
        arena.field(transport + offset, stride, "<u2", count)[:] = 0xFFFF - sums


def split(packet: memoryview, gso: Segmentation) -> list[bytes]:
    """All packets of a super-packet, without padding."""
    segmenter = Segmenter()
    view = segmenter.arena.view
    packets: list[bytes] = []
    while len(packets) < gso.number:
        stride, full, tail = segmenter.fill(packet, gso, len(packets))
        length = gso.header + gso.mss
        packets += [bytes(view[at : at + length]) for at in range(0, full * stride, stride)]
        if tail:
            at = full * stride
            packets.append(bytes(view[at : at + gso.header + tail]))
    return packets


def _swap(value: int) -> int:
    return (value & 0xFF) << 8 | value >> 8

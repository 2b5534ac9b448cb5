"""Splitting super-packets from the TUN device into packets of one segment each, in bulk.

One read brings up to 64 KiB of one TCP (or UDP) flow behind one header. The rows of a numpy
matrix become the packets: the header is written to all rows at once, then the few fields
that differ (length, IP id, sequence number, checksums) are written as columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

import numpy as np

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
    padded_length,
)
from meshc.engine.proto.rows import Arena, set_column

_ROWS = 128
_ARENA = 192 * 1024
_U16 = Struct(">H")
_U32 = Struct(">I")
_INDEX = np.arange(_ROWS, dtype=np.int64)


class Segmenter:
    """Splits super-packets into rows of its own buffer, which the next call overwrites."""

    def __init__(self) -> None:
        self._arena = Arena(_ARENA)

    def split(
        self, packet: memoryview, vnet: VirtioNetHdr, mtu: int
    ) -> Iterator[tuple[list[memoryview], int, memoryview | None]]:
        """Yield `(views, count, last)`: `count` packets of equal padded size, then maybe a last.

        `views` may be longer than `count`. Every view is a complete inner packet padded for
        sealing. A super-packet that contradicts its own header yields nothing. The views are
        valid until the next step of the iterator.
        """
        plan = _plan(packet, vnet)
        if plan is None:
            return
        transport, header_size, protocol = plan
        mss = vnet.gso_size
        stride = (header_size + mss + 15) & ~15
        total = -(-(len(packet) - header_size) // mss)
        per_step = min(_ROWS, _ARENA // stride)
        header = _Header(packet, transport, header_size, protocol)
        for first in range(0, total, per_step):
            count = min(per_step, total - first)
            yield self._step(packet, header, first, count, mss, stride, total, mtu)

    def _step(
        self,
        packet: memoryview,
        header: _Header,
        first: int,
        count: int,
        mss: int,
        stride: int,
        total: int,
        mtu: int,
    ) -> tuple[list[memoryview], int, memoryview | None]:
        size = header.size
        start = size + first * mss
        payload = len(packet) - start
        full = min(count, payload // mss)
        rows = self._arena.matrix(0, stride, stride, count)
        rows[:, :size] = header.template(size + mss)
        body = np.frombuffer(packet, np.uint8, full * mss, start)
        rows[:full, size : size + mss] = body.reshape(full, mss)
        rows[:, size + mss :] = 0
        tail = 0
        if full < count:
            tail = payload - full * mss
            rows[full, size : size + tail] = np.frombuffer(
                packet, np.uint8, tail, start + full * mss
            )
            rows[full, size + tail :] = 0
        header.number(rows, first, count, mss)
        if header.protocol == PROTO_TCP:
            header.flag(rows, first, count, total)
        if tail:
            header.shorten(self._arena.view[full * stride : full * stride + size], size + tail)
        words = self._arena.words(header.transport, stride, stride - header.transport, count)
        header.sum(rows, words, full, size + mss, size + tail)
        padded = padded_length(size + mss, mtu)
        last = None
        if tail:
            at = full * stride
            last = self._arena.view[at : at + padded_length(size + tail, mtu)]
        return self._arena.slots(0, stride, padded, full), full, last


class _Header:
    """The header of a super-packet and how its copies differ from row to row."""

    __slots__ = ("_base", "_flags", "_id", "_sequence", "protocol", "size", "transport", "v4")

    def __init__(self, packet: memoryview, transport: int, size: int, protocol: int) -> None:
        self._base = bytearray(packet[:size])
        self.transport = transport
        self.size = size
        self.protocol = protocol
        self.v4 = packet[0] >> 4 == 4
        self._id = _U16.unpack_from(packet, 4)[0]
        self._sequence = self._flags = 0
        if protocol == PROTO_TCP:
            self._sequence = _U32.unpack_from(packet, transport + 4)[0]
            self._flags = packet[transport + 13]
            # Only the last segment ends the burst, only the first tells of the reduced window
            # (RFC 3168 6.1.2).
            self._base[transport + 13] &= ~(FIN | PSH | CWR) & 0xFF

    def template(self, length: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
        """Header octets for a packet of `length` bytes; numbered and summed fields are 0."""
        base = self._base
        transport = self.transport
        if self.v4:
            _U16.pack_into(base, 2, length)
            base[4:6] = base[10:12] = b"\0\0"
        else:
            _U16.pack_into(base, 4, length - 40)
        if self.protocol == PROTO_TCP:
            base[transport + TCP_CSUM_OFFSET : transport + TCP_CSUM_OFFSET + 2] = b"\0\0"
        else:
            _U16.pack_into(base, transport + 4, length - transport)
            base[transport + UDP_CSUM_OFFSET : transport + UDP_CSUM_OFFSET + 2] = b"\0\0"
        return np.frombuffer(base, np.uint8)

    def number(self, rows: np.ndarray, first: int, count: int, mss: int) -> None:
        """Write IP ids with their header checksums, and TCP sequence numbers."""
        index = _INDEX[:count] + first
        if self.v4:
            ids = (index + self._id) & 0xFFFF
            set_column(rows, 4, ids, ">u2")
            fixed = sum(_U16.unpack_from(self._base, at)[0] for at in range(0, self.transport, 2))
            set_column(rows, 10, 0xFFFF - (ids + fixed) % 0xFFFF, ">u2")
        if self.protocol == PROTO_TCP:
            set_column(rows, self.transport + 4, (index * mss + self._sequence) & 0xFFFFFFFF, ">u4")

    def flag(self, rows: np.ndarray, first: int, count: int, total: int) -> None:
        """Give the first and the last segment the flags that are theirs alone."""
        at = self.transport + 13
        if first == 0:
            rows[0, at] |= self._flags & CWR
        if first + count == total:
            rows[count - 1, at] |= self._flags & (FIN | PSH)

    def shorten(self, head: memoryview, length: int) -> None:
        """Correct the last row's lengths; its IP checksum changes with them."""
        if self.v4:
            before = _U16.unpack_from(head, 2)[0]
            check = _U16.unpack_from(head, 10)[0]
            _U16.pack_into(head, 2, length)
            _U16.pack_into(head, 10, (check + before - length) % 0xFFFF or 0xFFFF)
        else:
            _U16.pack_into(head, 4, length - 40)
        if self.protocol == PROTO_UDP:
            _U16.pack_into(head, self.transport + 4, length - self.transport)

    def sum(
        self,
        rows: np.ndarray,
        words: np.ndarray,
        full: int,
        length: int,
        last_length: int,
    ) -> None:
        """Write the transport checksums of all rows, whose fields are 0 so far."""
        # Sums are taken in native words: RFC 1071 (2)(B), the sum is independent of byte order
        # as long as the result is written back in the same order.
        sums = words.sum(axis=1, dtype=np.uint64)
        base = self._base
        addresses = base[12:20] if self.v4 else base[8:40]
        fixed = int.from_bytes(addresses, "little") % 0xFFFF + (self.protocol << 8)
        sums[:full] += np.uint64(fixed + _swap(length - self.transport))
        sums[full:] += np.uint64(fixed + _swap(last_length - self.transport))
        offset = TCP_CSUM_OFFSET if self.protocol == PROTO_TCP else UDP_CSUM_OFFSET
        set_column(rows, self.transport + offset, 0xFFFF - sums % 0xFFFF, "<u2")


def _swap(value: int) -> int:
    return (value & 0xFF) << 8 | value >> 8


def _plan(packet: memoryview, vnet: VirtioNetHdr) -> tuple[int, int, int] | None:
    """Offset of the transport header, size of all headers and protocol, if they make sense.

    `hdr_len` is not looked at: in the forward path the kernel may fill it with the length of
    the whole linear part, so the TCP header itself says how long it is.
    """
    kind = vnet.gso_type & ~GSO_ECN
    transport = vnet.csum_start
    size = len(packet)
    if transport < 20 or transport % 4 or transport + 20 > size or not vnet.gso_size:
        return None
    version = packet[0] >> 4
    if version == 4:
        if transport != (packet[0] & 15) * 4 or kind not in (GSO_TCPV4, GSO_UDP_L4):
            return None
    elif version != 6 or transport < 40 or kind not in (GSO_TCPV6, GSO_UDP_L4):
        return None
    if kind == GSO_UDP_L4:
        header_size, protocol = transport + 8, PROTO_UDP
    else:
        header_size, protocol = transport + (packet[transport + 12] >> 4) * 4, PROTO_TCP
        if header_size < transport + 20:
            return None
    if size <= header_size or header_size + vnet.gso_size > 0xFFFF:
        return None
    return transport, header_size, protocol

"""Receive offload (GRO): packets of one flow become super-packets for the TUN device.

The kernel trusts a merged packet, so every inner checksum is verified here first, all in one
numpy sum. What does not belong to a run is handed on as it is, and the kernel checks it.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from meshc.engine.proto.datapath.arena import U8, Arena, Buffers
from meshc.engine.proto.offload import (
    ACK,
    F_NEEDS_CSUM,
    GSO_TCPV4,
    GSO_TCPV6,
    GSO_UDP_L4,
    PROTO_TCP,
    PROTO_UDP,
    PSH,
    TCP_CSUM_OFFSET,
    UDP_CSUM_OFFSET,
    VNET_NONE,
    VirtioNetHdr,
    checksum,
    pseudo_header_sum,
)

Numbers = npt.NDArray[np.int64]

_U16 = Struct(">H")
_MAX_PACKET = 0xFFFF
_MAX_FLOWS = 16


class PacketRows(NamedTuple):
    """Inner packets in an arena: row `r` lies at `r * stride` and is `lengths[r]` bytes long.

    From its end to `width` a row holds only zeros; `stride` and `width` are multiples of 4.
    """

    arena: Arena
    stride: int
    width: int
    lengths: Numbers


MAX_JOINED = _MAX_PACKET + 1
"""Size of the arena in which super-packets are put together."""


def coalesce(rows: PacketRows, picked: Numbers, *, udp: bool, out: Arena) -> Iterator[Buffers]:
    """Yield what one write takes: virtio-net header (with IP header), then data.

    `picked` are the numbers of the rows to deliver, ascending. Packets of one flow stay in
    order. `udp` says whether the kernel takes UDP super-packets (Linux 6.2 and later), `out` is
    where payloads are joined. The buffers are valid until the next step.
    """
    left = picked
    for _ in range(_MAX_FLOWS):
        if len(left) < 2:
            break
        flow = _flow_of(rows, int(left[0]), udp=udp)
        if flow is None:
            yield _single(rows, int(left[0]))
            left = left[1:]
            continue
        heads = _heads(rows, left, flow.size)
        differs = (heads ^ heads[0]) & _mask(flow)
        if not np.count_nonzero(differs):
            yield from _emit(rows, left, heads, flow, None, out)
            return
        same = np.logical_not(differs[:, flow.key].any(axis=1))
        plain = np.logical_not(differs[same][:, flow.structure].any(axis=1))
        members, left = left[same], left[~same]
        yield from _emit(rows, members, heads[same], flow, plain, out)
    for row in left.tolist():
        yield _single(rows, row)


def _emit(
    rows: PacketRows,
    members: Numbers,
    heads: U8,
    flow: _Flow,
    plain: npt.NDArray[np.bool_] | None,
    out: Arena,
) -> Iterator[Buffers]:
    """Yield the packets of one flow, merged where they follow each other.

    `plain` says which members are built like the first; None that all headers agree.
    """
    payloads = rows.lengths[members] - flow.size
    good = _verified(rows, members, flow)
    joins = _joins(rows, members, payloads, flow)
    if plain is not None:
        good &= plain
        joins &= np.logical_not(((heads[1:] ^ heads[:-1]) & _mask(flow)).any(axis=1))
    first = int(payloads[0])
    if (
        np.count_nonzero(good) == len(members)
        and np.count_nonzero(joins) == len(members) - 1
        and not np.count_nonzero(payloads[:-1] != first)
    ):
        most = (_MAX_PACKET - flow.size) // first
        ends = [*range(most, len(members), most), len(members)]
    else:
        joins &= good[1:] & good[:-1]
        ends = list(_run_ends(joins.tolist(), payloads.tolist(), flow.size))
    start = 0
    for end in ends:
        if end - start == 1:
            yield _single(rows, int(members[start]))
        else:
            part = slice(start, end)
            yield _super_packet(rows, members[part], heads[part], flow, payloads[part], out)
        start = end


def _super_packet(
    rows: PacketRows,
    members: Numbers,
    heads: U8,
    flow: _Flow,
    payloads: Numbers,
    out: Arena,
) -> Buffers:
    """One super-packet of these rows: headers, then all payloads out."""
    size, transport = flow.size, flow.transport
    mss, last = int(payloads[0]), int(payloads[-1])
    full = len(members) - (last != mss)
    first = int(members[0])
    target = out.matrix(0, mss, mss, full)
    if int(members[-1]) - first == len(members) - 1:
        source = rows.arena.matrix(size, rows.stride, mss, first + full)
        target[:] = source[first:]
    else:
        target[:] = _heads(rows, members[:full], size + mss)[:, size:]
    total = full * mss
    if last != mss:
        at = int(members[-1]) * rows.stride + size
        out.view[total : total + last] = rows.arena.view[at : at + last]
        total += last
    header = bytearray(heads[0].tobytes())
    if flow.protocol == PROTO_TCP:
        kind, offset = (GSO_TCPV4 if flow.v4 else GSO_TCPV6), TCP_CSUM_OFFSET
        header[transport + 13] |= int(heads[-1, transport + 13]) & PSH
    else:
        kind, offset = GSO_UDP_L4, UDP_CSUM_OFFSET
        _U16.pack_into(header, transport + 4, size - transport + total)
    _finish(header, flow, offset, total)
    vnet = VirtioNetHdr(F_NEEDS_CSUM, kind, size, mss, transport, offset)
    return [vnet.pack() + header, out.view[:total]]


class _Flow(NamedTuple):
    """How the packets of a flow begin: where TCP or UDP starts and the payload, in bytes."""

    v4: bool
    transport: int
    size: int
    protocol: int

    @property
    def key(self) -> slice:
        """Where addresses and ports lie; they are adjacent when there are no IP options."""
        return slice(12, 24) if self.v4 else slice(8, 44)

    @property
    def structure(self) -> list[int]:
        """Octets that say where things lie and what the packet is: version, fragment,
        protocol, TCP offset and flags."""
        ip = [0, 6, 7, 9] if self.v4 else [0, 6]
        at = self.transport
        return [*ip, at + 12, at + 13] if self.protocol == PROTO_TCP else ip


def _flow_of(rows: PacketRows, row: int, *, udp: bool) -> _Flow | None:
    """What the packet in `row` would merge as; None if it is nothing to merge.

    Only plain headers qualify: no IP options or extension headers, no fragments.
    """
    at = row * rows.stride
    head = rows.arena.view[at : at + 60]
    length = int(rows.lengths[row])
    if head[0] == 0x45 and not (head[6] & 0xBF or head[7]):
        v4, transport, protocol = True, 20, head[9]
    elif head[0] >> 4 == 6:
        v4, transport, protocol = False, 40, head[6]
    else:
        return None
    if protocol == PROTO_TCP and length > transport + 20:
        size = transport + (head[transport + 12] >> 4) * 4
        if transport + 20 <= size < length and head[transport + 13] & ~PSH == ACK:
            return _Flow(v4, transport, size, protocol)
    has_sum = head[transport + 6] or head[transport + 7]
    if protocol == PROTO_UDP and udp and length > transport + 8 and has_sum:
        return _Flow(v4, transport, transport + 8, protocol)
    return None


_masks: dict[_Flow, U8] = {}


def _mask(flow: _Flow) -> U8:
    """0xff where the headers of a flow must agree, 0 where they differ lawfully."""
    mask = _masks.get(flow)
    if mask is None:
        mask = np.full(flow.size, 0xFF, np.uint8)
        at = flow.transport
        if flow.v4:
            mask[2:6] = 0  # length, id
            mask[10:12] = 0
        else:
            mask[4:6] = 0
        if flow.protocol == PROTO_TCP:
            mask[at + 4 : at + 8] = 0  # sequence number
            mask[at + 13] = 0xFF & ~PSH
            mask[at + 16 : at + 18] = 0
        else:
            mask[at + 4 : at + 8] = 0
        _masks[flow] = mask
    return mask


def _joins(
    rows: PacketRows, members: Numbers, payloads: Numbers, flow: _Flow
) -> npt.NDArray[np.bool_]:
    """For each row but the first whether size and sequence continue the row before it."""
    joins: npt.NDArray[np.bool_] = payloads[1:] <= payloads[:-1]
    joins &= payloads[1:] > 0
    if flow.protocol == PROTO_TCP:
        at = flow.transport
        sequence = _field(rows, members, at + 4, ">u4").astype(np.int64)
        joins &= (sequence[1:] - sequence[:-1] - payloads[:-1]) & 0xFFFFFFFF == 0
        # PSH says "hand it to the reader now": only the last of a run may carry it.
        joins &= _field(rows, members, at + 13, "u1")[:-1] & PSH == 0
    return joins


def _verified(rows: PacketRows, members: Numbers, flow: _Flow) -> npt.NDArray[np.bool_]:
    """For each row whether its lengths agree and its IP and transport checksums are right."""
    first, count = int(members[0]), len(members)
    if int(members[-1]) - first == count - 1:
        words = rows.arena.words(0, rows.stride, rows.width, first + count)[first:]
    else:
        words = rows.arena.words(0, rows.stride, rows.width, int(members[-1]) + 1)[members]
    # Ufunc methods rather than array methods: they skip a layer of Python.
    sums = np.add.reduce(words[:, flow.transport // 4 :], axis=1, dtype=np.uint64)
    addresses = words[0, 3:5] if flow.v4 else words[0, 2:10]
    fixed = sum(addresses.tolist()) + (flow.protocol << 8)
    lengths = rows.lengths[members] - flow.transport
    # The length counts in the pseudo-header in network order, the sums are in native order.
    sums += lengths.astype(">u2").view("<u2") + np.uint64(fixed)
    sums %= 0xFFFF
    good: npt.NDArray[np.bool_] = sums == 0
    if flow.v4:
        good &= np.add.reduce(words[:, :5], axis=1, dtype=np.uint64) % 0xFFFF == 0
    if flow.protocol == PROTO_UDP:
        # A zero checksum means "none" (RFC 768): nothing that the kernel may be told to trust.
        good &= _field(rows, members, flow.transport + 6, "<u2") != 0
        good &= _field(rows, members, flow.transport + 4, ">u2") == lengths
    return good


def _field(rows: PacketRows, members: Numbers, offset: int, dtype: str) -> npt.NDArray[Any]:
    """One header field of the members."""
    first, last = int(members[0]), int(members[-1])
    field = rows.arena.field(offset, rows.stride, dtype, last + 1)
    return field[first:] if last - first == len(members) - 1 else field[members]


def _run_ends(joins: list[bool], payloads: list[int], size: int) -> Iterator[int]:
    """Where each run of mergeable rows ends; a row that joins nothing is a run of one.

    Row i goes on with the run if it joins row i-1, the run has segments of one size so far and
    the super-packet stays below 64 KiB. `joins` starts with row 1.
    """
    start = 0
    total = size + payloads[0]
    for row in range(1, len(payloads)):
        total += payloads[row]
        if joins[row - 1] and payloads[row - 1] == payloads[start] and total <= _MAX_PACKET:
            continue
        yield row
        start = row
        total = size + payloads[row]
    yield len(payloads)


def _finish(header: bytearray, flow: _Flow, offset: int, payload: int) -> None:
    """Set lengths, the IP checksum and the partial transport checksum of a super-packet."""
    transport = flow.transport
    segment = flow.size - transport + payload
    if flow.v4:
        _U16.pack_into(header, 2, transport + segment)
        header[10:12] = b"\0\0"
        _U16.pack_into(header, 10, checksum(header[:transport]) ^ 0xFFFF)
    else:
        _U16.pack_into(header, 4, segment)
    partial = pseudo_header_sum(header, flow.protocol, segment)
    _U16.pack_into(header, transport + offset, partial)


def _heads(rows: PacketRows, picked: Numbers, size: int) -> U8:
    """The first `size` octets of the picked rows, without a copy if they are adjacent."""
    first, last = int(picked[0]), int(picked[-1])
    heads = rows.arena.matrix(0, rows.stride, size, last + 1)
    return heads[first:] if last - first == len(picked) - 1 else heads[picked]


def _single(rows: PacketRows, row: int) -> Buffers:
    at = row * rows.stride
    return [VNET_NONE, rows.arena.view[at : at + int(rows.lengths[row])]]

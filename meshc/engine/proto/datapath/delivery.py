"""Delivery: opened rows of one peer become what is written to the TUN device.

Lengths, source filter and checksums each look at all rows at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from meshc.engine.proto.allowedips import AllowedIPs
from meshc.engine.proto.datapath.arena import Arena, Buffers
from meshc.engine.proto.datapath.coalesce import Numbers, PacketRows, coalesce
from meshc.engine.proto.datapath.contract import Block, Delivery, Owner
from meshc.engine.proto.datapath.single import inner_length, source_of
from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.offload import VNET_NONE

_FEW = 3


def deliver(
    rows: Arena,
    stride: int,
    blocks: Sequence[Block],
    dead: int,
    routes: AllowedIPs[Owner],
    owner: Owner,
    udp: bool | None,
    out: Arena,
) -> Delivery:
    """`DataPath.deliver`."""
    count = blocks[-1].row + blocks[-1].number
    if count <= _FEW or udp is None:
        return _deliver_few(rows, stride, blocks, dead, routes, owner, vnet=udp is not None)
    width = max(padded for _, _, padded in blocks) + 3 & ~3
    _clear_tails(rows, stride, blocks, width)
    picked = np.arange(count, dtype=np.int64)
    lookup = routes.senders(owner)
    lengths = None if dead else _plain_lengths(rows, stride, blocks, count, owner, lookup)
    if lengths is not None:
        packets = PacketRows(rows, stride, width, lengths)
        return Delivery(coalesce(packets, picked, udp=udp, out=out), 0, 0)
    lengths = _lengths(rows, stride, blocks, count)
    if dead:
        picked = picked[[not dead >> row & 1 for row in range(count)]]
    whole = picked[lengths[picked] > 0]
    mine = _filter(rows, stride, whole, owner, lookup)
    packets = PacketRows(rows, stride, width, lengths)
    writes = coalesce(packets, mine, udp=udp, out=out)
    return Delivery(writes, len(picked) - len(whole), len(whole) - len(mine))


def _clear_tails(rows: Arena, stride: int, blocks: Sequence[Block], width: int) -> None:
    """Make rows that are narrower than the widest end in zeros."""
    for row, count, padded in blocks:
        if padded < width:
            rows.matrix(padded, stride, width - padded, row + count)[row:] = 0


def _plain_lengths(
    rows: Arena,
    stride: int,
    blocks: Sequence[Block],
    count: int,
    owner: object,
    lookup: Callable[[bytes], object],
) -> Numbers | None:
    """IP lengths in the usual case: all of one family and of one source, the owner's.

    None if anything is out of the ordinary.
    """
    first = rows.field(0, stride, "u1", count)
    if rows.buffer[0] == 0x45:
        odd = np.count_nonzero(first != 0x45)
        start, size, field, more = 12, 4, 2, 0
    else:
        odd = np.count_nonzero(first >> 4 != 6)
        start, size, field, more = 8, 16, 4, 40
    sources = rows.matrix(start, stride, size, count)
    if odd or np.count_nonzero(sources != sources[0]):
        return None
    if lookup(bytes(rows.buffer[start : start + size])) is not owner:
        return None
    lengths: Numbers = rows.field(field, stride, ">u2", count).astype(np.int64)
    lengths += more
    if np.minimum.reduce(lengths) < 20:
        return None
    for row, number, padded in blocks:
        if np.maximum.reduce(lengths[row : row + number]) > padded:
            return None
    return lengths


def _lengths(rows: Arena, stride: int, blocks: Sequence[Block], count: int) -> Numbers:
    """IP length of each row, 0 where it is malformed."""
    first = rows.field(0, stride, "u1", count)
    v4, v6 = first >> 4 == 4, first >> 4 == 6
    lengths: Numbers = np.zeros(count, np.int64)
    lengths[v4] = rows.field(2, stride, ">u2", count)[v4]
    lengths[v6] = rows.field(4, stride, ">u2", count)[v6].astype(np.int64) + 40
    least = (first & 15).astype(np.int64) * 4
    lengths[v4 & ((least < 20) | (lengths < least))] = 0
    for row, number, padded in blocks:
        part = lengths[row : row + number]
        part[part > padded] = 0
    return lengths


def _filter(
    rows: Arena,
    stride: int,
    picked: Numbers,
    owner: object,
    lookup: Callable[[bytes], object],
) -> Numbers:
    """Those of `picked` whose source address belongs to `owner`."""
    if not len(picked):
        return picked
    view = rows.view
    mine = [lookup(source_of(view[at : at + 24])) is owner for at in (picked * stride).tolist()]
    return picked[np.array(mine, np.bool_)]


def _deliver_few(
    rows: Arena,
    stride: int,
    blocks: Sequence[Block],
    dead: int,
    routes: AllowedIPs[Owner],
    owner: Owner,
    *,
    vnet: bool,
) -> Delivery:
    """Packet by packet, without merging."""
    writes: list[Buffers] = []
    malformed = foreign = 0
    for first, count, padded in blocks:
        for row in range(first, first + count):
            if dead >> row & 1:
                continue
            at = row * stride
            length = inner_length(rows.view[at : at + padded], routes, owner)
            if length is DropReason.INNER_MALFORMED:
                malformed += 1
            elif isinstance(length, DropReason):
                foreign += 1
            else:
                packet = rows.view[at : at + length]
                writes.append([VNET_NONE, packet] if vnet else [packet])
    return Delivery(iter(writes), malformed, foreign)

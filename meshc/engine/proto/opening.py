"""Opening runs of transport data messages into rows of inner packets.

A receive brings up to 64 datagrams of one size from one peer, nearly always with consecutive
counters. They are decrypted side by side into a preallocated buffer; the replay window, the
source filter and the coalescing each look at the whole run at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import repeat
from struct import Struct, unpack
from typing import Any, NamedTuple, Protocol

import numpy as np
from cryptography.exceptions import InvalidTag

from meshc.engine.proto.coalesce import Buffers, Coalescer, Numbers, Rows
from meshc.engine.proto.offload import VNET_NONE, ip_length
from meshc.engine.proto.rows import Arena
from meshc.engine.proto.sealing import OVERHEAD

_ARENA = 320 * 1024
_STRIDES = (2048, 4096, 16384, 65536)
_FEW = 3
_HEADER = Struct("<IIQ")
_ROW_NUMBERS = np.arange(_ARENA // _STRIDES[0], dtype=np.int64)


class Window(Protocol):
    """A replay window (RFC 6479)."""

    def accept(self, counter: int) -> bool: ...
    def accept_run(self, first: int, count: int) -> bool: ...


class ReceivingKeypair(Protocol):
    """What opening needs of a session."""

    @property
    def open_into(self) -> Any: ...
    @property
    def replay(self) -> Window: ...


class Datagrams(NamedTuple):
    """`number` datagrams of `size` bytes in an arena, `stride` apart from `offset` on."""

    offset: int
    stride: int
    size: int
    number: int

    def part(self, start: int, end: int) -> Datagrams:
        """Those from `start` to before `end`."""
        return self._replace(offset=self.offset + start * self.stride, number=end - start)


class Headers(NamedTuple):
    """Header fields of a run, one entry a datagram (whitepaper 5.4.6)."""

    types: tuple[int, ...]
    indices: tuple[int, ...]
    counters: tuple[int, ...]


class Opened(NamedTuple):
    """What became of a run: `data` counts accepted messages that carry a packet."""

    accepted: int
    data: int
    bad: int
    replayed: int


class Delivery(NamedTuple):
    """What became of the opened rows; `writes` must be used up before the next `open`."""

    writes: Iterator[Buffers]
    malformed: int
    foreign: int


def read_headers(arena: Arena, run: Datagrams) -> Headers:
    """Types, receiver indices and counters of a run whose datagrams hold at least 16 bytes."""
    if run.number == 1:
        kind, index, counter = _HEADER.unpack_from(arena.buffer, run.offset)
        return Headers((kind,), (index,), (counter,))
    raw = arena.matrix(run.offset, run.stride, 16, run.number).tobytes()
    fields = unpack("<" + "IIQ" * run.number, raw)
    return Headers(fields[0::3], fields[1::3], fields[2::3])


class OpenedRows:
    """Inner packets of one peer, opened and waiting to be delivered together."""

    def __init__(self) -> None:
        self._arena = Arena(_ARENA + _STRIDES[-1])
        self._stride = _STRIDES[0]
        self._count = 0
        self._blocks: list[tuple[int, int, int]] = []
        self._dead: set[int] = set()

    def __bool__(self) -> bool:
        return self._count > 0

    @staticmethod
    def most(size: int) -> int:
        """How many datagrams of `size` bytes an empty buffer takes."""
        return _ARENA // _stride_for(size - OVERHEAD)

    def fits(self, run: Datagrams) -> bool:
        """Whether a run can join what is there; `most` is the limit of an empty buffer."""
        if not self._count:
            return True
        if run.size - OVERHEAD > self._stride:
            return False
        return (self._count + run.number) * self._stride <= _ARENA

    def open(
        self, keypair: ReceivingKeypair, arena: Arena, run: Datagrams, counters: tuple[int, ...]
    ) -> Opened:
        """Authenticate and decrypt a run of one session, then check its counters.

        `counters` are those in the headers. Overwrites the receiver indices in `arena`.
        """
        padded = run.size - OVERHEAD
        count = run.number
        if not self._count:
            self._stride = _stride_for(padded)
        first_row = self._count
        bad = self._decrypt(keypair, arena, run, first_row, padded)
        replayed = 0
        replay = keypair.replay
        first = counters[0]
        if bad or count < 2 or counters[-1] - first != count - 1 or not _accept(replay, counters):
            for i, counter in enumerate(counters):
                if i not in bad and not replay.accept(counter):
                    bad.add(i)
                    replayed += 1
        accepted = count - len(bad)
        if padded:
            self._dead.update(first_row + i for i in bad)
            self._blocks.append((first_row, count, padded))
            self._count += count
        return Opened(accepted, accepted if padded else 0, len(bad) - replayed, replayed)

    def _decrypt(
        self, keypair: ReceivingKeypair, arena: Arena, run: Datagrams, row: int, padded: int
    ) -> set[int]:
        """Decrypt into rows from `row` on; the numbers within the run that are not authentic."""
        offset, stride, size, count = run
        rows, step = self._arena, self._stride
        if count <= _FEW:
            nonces, sealed, opened = [], [], []
            for at in range(offset, offset + count * stride, stride):
                arena.buffer[at + 4 : at + 8] = b"\0\0\0\0"
                nonces.append(arena.view[at + 4 : at + 16])
                sealed.append(arena.view[at + 16 : at + size])
            for at in range(row * step, (row + count) * step, step):
                opened.append(rows.view[at : at + padded])
        else:
            # The nonce is four zero bytes and the counter: with the index gone, the header
            # holds it.
            arena.field(offset + 4, stride, "=u4", count)[:] = 0
            nonces = arena.slots(offset + 4, stride, 12, count)
            sealed = arena.slots(offset + 16, stride, size - 16, count)
            opened = rows.slots(0, step, padded, row + count)
            if row:
                opened = opened[row : row + count]
        try:
            deque(map(keypair.open_into, nonces, sealed, repeat(None, count), opened), 0)
        except InvalidTag:
            return _find_bad(keypair, nonces, sealed, opened, count)
        return set()

    def deliver(
        self, owner: object, lookup: Callable[[bytes], object], coalescer: Coalescer | None
    ) -> Delivery:
        """Hand out what to write to the TUN device and empty the buffer.

        `lookup` finds the peer that an inner source address belongs to; packets whose peer is
        not `owner` are left out (whitepaper section 2), as are malformed ones. Without a
        `coalescer` each write is a plain packet without virtio-net header.
        """
        count, dead, blocks = self._count, self._dead, self._blocks
        self._count, self._dead, self._blocks = 0, set(), []
        if count <= _FEW or coalescer is None:
            return self._deliver_few(owner, lookup, blocks, dead, vnet=coalescer is not None)
        widest = max(padded for _, _, padded in blocks)
        self._clear_tails(blocks, widest + 3 & ~3)
        picked = _ROW_NUMBERS[:count]
        lengths = self._plain_lengths(blocks, count, owner, lookup)
        if lengths is not None and not dead:
            rows = Rows(self._arena, self._stride, widest + 3 & ~3, lengths)
            return Delivery(coalescer.merge(rows, picked), 0, 0)
        lengths = self._lengths(blocks, count)
        if dead:
            lengths[list(dead)] = -1
            picked = picked[lengths != -1]
        whole = picked[lengths[picked] > 0]
        mine = self._filter(whole, owner, lookup)
        rows = Rows(self._arena, self._stride, widest + 3 & ~3, lengths)
        writes = coalescer.merge(rows, mine)
        return Delivery(writes, len(picked) - len(whole), len(whole) - len(mine))

    def _clear_tails(self, blocks: list[tuple[int, int, int]], width: int) -> None:
        """Make rows that are narrower than the widest end in zeros."""
        for row, rows, padded in blocks:
            if padded < width:
                tails = self._arena.matrix(padded, self._stride, width - padded, row + rows)
                tails[row:] = 0

    def _plain_lengths(
        self,
        blocks: list[tuple[int, int, int]],
        count: int,
        owner: object,
        lookup: Callable[[bytes], object],
    ) -> Numbers | None:
        """IP lengths in the usual case: all of one family and of one source, the owner's.

        None if anything is out of the ordinary.
        """
        stride, arena = self._stride, self._arena
        first = arena.field(0, stride, "u1", count)
        if arena.buffer[0] == 0x45:
            odd = np.count_nonzero(first != 0x45)
            start, size, field, more = 12, 4, 2, 0
        else:
            odd = np.count_nonzero(first >> 4 != 6)
            start, size, field, more = 8, 16, 4, 40
        sources = arena.matrix(start, stride, size, count)
        if odd or np.count_nonzero(sources != sources[0]):
            return None
        if lookup(bytes(arena.buffer[start : start + size])) is not owner:
            return None
        lengths: Numbers = arena.field(field, stride, ">u2", count).astype(np.int64)
        lengths += more
        if np.minimum.reduce(lengths) < 20:
            return None
        for row, rows, padded in blocks:
            if np.maximum.reduce(lengths[row : row + rows]) > padded:
                return None
        return lengths

    def _lengths(self, blocks: list[tuple[int, int, int]], count: int) -> Numbers:
        """IP length of each row, 0 where it is malformed."""
        stride, arena = self._stride, self._arena
        first = arena.field(0, stride, "u1", count)
        v4, v6 = first >> 4 == 4, first >> 4 == 6
        lengths: Numbers = np.zeros(count, np.int64)
        lengths[v4] = arena.field(2, stride, ">u2", count)[v4]
        lengths[v6] = arena.field(4, stride, ">u2", count)[v6].astype(np.int64) + 40
        least = (first & 15).astype(np.int64) * 4
        lengths[v4 & ((least < 20) | (lengths < least))] = 0
        for row, rows, padded in blocks:
            part = lengths[row : row + rows]
            part[part > padded] = 0
        return lengths

    def _filter(self, picked: Numbers, owner: object, lookup: Callable[[bytes], object]) -> Numbers:
        """Those of `picked` whose source address belongs to `owner`."""
        if not len(picked):
            return picked
        view, stride = self._arena.view, self._stride
        mine = [lookup(_source(view[at : at + 24])) is owner for at in (picked * stride).tolist()]
        return picked[np.array(mine, np.bool_)]

    def _deliver_few(
        self,
        owner: object,
        lookup: Callable[[bytes], object],
        blocks: list[tuple[int, int, int]],
        dead: set[int],
        *,
        vnet: bool,
    ) -> Delivery:
        writes: list[Buffers] = []
        malformed = foreign = 0
        for first, rows, padded in blocks:
            for row in range(first, first + rows):
                if row in dead:
                    continue
                at = row * self._stride
                packet = self._arena.view[at : at + padded]
                length = ip_length(packet, padded)
                if not length:
                    malformed += 1
                elif lookup(_source(packet)) is not owner:
                    foreign += 1
                else:
                    writes.append([VNET_NONE, packet[:length]] if vnet else [packet[:length]])
        return Delivery(iter(writes), malformed, foreign)


def _stride_for(padded: int) -> int:
    for stride in _STRIDES:
        if stride >= padded:
            return stride
    raise AssertionError("a datagram is shorter than 64 KiB")


def _accept(replay: Window, counters: tuple[int, ...]) -> bool:
    """Accept consecutive counters in one step, if they are that and all are new."""
    first, count = counters[0], len(counters)
    return counters == tuple(range(first, first + count)) and replay.accept_run(first, count)


def _find_bad(
    keypair: ReceivingKeypair,
    nonces: list[memoryview],
    sealed: list[memoryview],
    opened: list[memoryview],
    count: int,
) -> set[int]:
    """Open one by one, since the whole run was not authentic."""
    bad = set()
    for i in range(count):
        try:
            keypair.open_into(nonces[i], sealed[i], None, opened[i])
        except InvalidTag:
            bad.add(i)
    return bad


def _source(packet: memoryview) -> bytes:
    return bytes(packet[12:16]) if packet[0] >> 4 == 4 else bytes(packet[8:24])

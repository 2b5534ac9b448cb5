"""Sealing runs of equal packets into datagrams that lie one after the other in an arena."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import repeat
from struct import Struct

import numpy as np

from meshc.engine.proto.datapath.arena import Arena
from meshc.engine.proto.datapath.session_keys import PortableSealingKey
from meshc.engine.proto.offload import complete_checksum, padded_length

OVERHEAD = 32
"""Bytes a transport data message adds: header 16, tag 16 (whitepaper 5.4.6)."""

_FEW = 3
_MOST = 256
_HEADER = Struct("<IIQ")
_NONCE = Struct("<4xQ")
_MESSAGE_TYPE = 4
_STEPS = np.arange(_MOST, dtype=np.uint64)
_ZEROS = bytes(16)


class Sealer:
    """Seals views of equal length; holds the nonces of a run, and nothing between calls."""

    def __init__(self) -> None:
        # Four zero bytes and the counter (whitepaper 5.4.6), a row each.
        nonces = Arena(_MOST * 12)
        self._nonces = nonces.slots(0, 12, 12, _MOST)
        self._counters = nonces.field(4, 12, "<u8", _MOST)

    def seal(
        self,
        key: PortableSealingKey,
        packets: Sequence[memoryview],
        count: int,
        out: Arena,
        at: int,
    ) -> int:
        """Seal the first `count` of `packets`, padded and equally long; where they end."""
        size = len(packets[0]) + OVERHEAD
        if count <= _FEW or at % size or count > _MOST:
            _seal_few(key, packets, count, out, at)
        else:
            self._seal_many(key, packets, count, out, at)
        key.counter += count
        return at + count * size

    def _seal_many(
        self,
        key: PortableSealingKey,
        packets: Sequence[memoryview],
        count: int,
        out: Arena,
        at: int,
    ) -> None:
        size = len(packets[0]) + OVERHEAD
        skip = at // size
        end = skip + count
        out.field(0, size, "<u4", end)[skip:] = _MESSAGE_TYPE
        out.field(4, size, "<u4", end)[skip:] = key.remote_index
        # NumPy wraps silently; REJECT_AFTER_MESSAGES keeps counters well below.
        counters = _STEPS[:count] + np.uint64(key.counter)
        out.field(8, size, "<u8", end)[skip:] = counters
        self._counters[:count] = counters
        sealed = out.slots(16, size, size - 16, end)
        if skip:
            sealed = sealed[skip:end]
        deque(map(key.encrypt_into, self._nonces, packets, repeat(None, count), sealed), 0)


def _seal_few(
    key: PortableSealingKey, packets: Sequence[memoryview], count: int, out: Arena, at: int
) -> None:
    view = out.view
    size = len(packets[0]) + OVERHEAD
    first = key.counter
    for number in range(count):
        counter = first + number
        _HEADER.pack_into(view, at, _MESSAGE_TYPE, key.remote_index, counter)
        key.encrypt_into(_NONCE.pack(counter), packets[number], None, view[at + 16 : at + size])
        at += size


def finish(
    buf: Arena,
    offset: int,
    stride: int,
    length: int,
    count: int,
    mtu: int,
    csum: tuple[int, int] | None,
) -> list[memoryview]:
    """Finish the checksums of equal packets, if asked for, and pad them; the views to seal.

    `csum` says where the sum starts and how far behind that its field is, within the packet.
    """
    padded = padded_length(length, mtu)
    if count <= _FEW or (csum is not None and csum[0] % 4):
        return _finish_few(buf, offset, stride, length, count, padded, csum)
    first, base = divmod(offset, stride)
    end = first + count
    # Sums go over whole words: what follows the packet up to there must be zero, too.
    clear = max(padded, length + 3 & ~3)
    if clear > length:
        buf.matrix(base + length, stride, clear - length, end)[first:] = 0
    if csum is not None:
        start, field = csum[0], csum[0] + csum[1]
        words = buf.words(base + start, stride, (length + 3 & ~3) - start, end)[first:]
        sums = np.add.reduce(words, axis=1, dtype=np.uint64)
        sums %= 0xFFFF
        buf.field(base + field, stride, "<u2", end)[first:] = 0xFFFF - sums
    return buf.slots(base, stride, padded, end)[first:end]


def _finish_few(
    buf: Arena,
    offset: int,
    stride: int,
    length: int,
    count: int,
    padded: int,
    csum: tuple[int, int] | None,
) -> list[memoryview]:
    view = buf.view
    views = []
    for at in range(offset, offset + count * stride, stride):
        if csum is not None:
            complete_checksum(view[at : at + length], *csum)
        if padded != length:
            view[at + length : at + padded] = _ZEROS[: padded - length]
        views.append(view[at : at + padded])
    return views

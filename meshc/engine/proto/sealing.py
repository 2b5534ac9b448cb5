"""Sealing runs of equal packets into datagrams that leave in one system call.

The datagrams lie one after the other in a preallocated buffer, as UDP_SEGMENT wants them: all
equal, only the last may be shorter, at most 64 and 65,507 bytes a send. A run goes on over
several super-packets to the same peer, so that sends are full.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import repeat
from struct import Struct
from typing import Any, NamedTuple, Protocol

import numpy as np

from meshc.engine.proto.rows import Arena

OVERHEAD = 32
"""Bytes a transport data message adds: header 16, tag 16 (whitepaper 5.4.6)."""

MAX_SEGMENTS = 64
"""UDP_MAX_SEGMENTS of kernels before 6.10; later ones take 128."""

MAX_SEND = 65_507

_ARENA = 384 * 1024
_FEW = 3
_MOST = 256
_HEADER = Struct("<IIQ")
_NONCE = Struct("<4xQ")
_MESSAGE_TYPE = 4
_STEPS = np.arange(_MOST, dtype=np.uint64)


class SendingKeypair(Protocol):
    """What sealing needs of a session."""

    @property
    def remote_index(self) -> int: ...

    send_counter: int
    seal_into: Any


class Send(NamedTuple):
    """One system call's worth: `number` datagrams of `segment` bytes, the last may be shorter."""

    data: memoryview
    segment: int
    number: int


class SealedRun:
    """Datagrams to one endpoint, sealed in order; `take` hands them out in sends."""

    def __init__(self) -> None:
        self._arena = Arena(_ARENA)
        # Four zero bytes and the counter (whitepaper 5.4.6), a row each.
        self._nonces = Arena(_MOST * 12)
        self._nonce_views = self._nonces.slots(0, 12, 12, _MOST)
        self._nonce_counters = self._nonces.field(4, 12, "<u8", _MOST)
        self._start = 0
        self._end = 0
        self._size = 0
        self._closed = False

    def __bool__(self) -> bool:
        return self._end > self._start

    def fits(self, padded: int, count: int) -> bool:
        """Whether `count` more packets of `padded` bytes can join what is there."""
        size = padded + OVERHEAD
        if self._end == self._start:
            return True
        if self._closed or self._end + count * size > _ARENA:
            return False
        return size == self._size or (count == 1 and size < self._size)

    def seal(self, keypair: SendingKeypair, packets: Sequence[memoryview], count: int) -> None:
        """Seal the first `count` of `packets`, which are padded and equally long.

        The counters of `keypair` must suffice; `fits` must have said yes, and an empty run
        takes at most `room(padded)` packets.
        """
        size = len(packets[0]) + OVERHEAD
        if self._end == self._start:
            self._start = self._end = 0
            self._size = size
            self._closed = False
        elif size < self._size:
            self._closed = True
        first = keypair.send_counter
        keypair.send_counter = first + count
        if count <= _FEW or self._closed or count > _MOST:
            self._seal_few(keypair, packets, count, first, size)
        else:
            self._seal_many(keypair, packets, count, first, size)
        self._end += count * size

    @staticmethod
    def room(padded: int) -> int:
        """How many packets of `padded` bytes an empty run takes."""
        return _ARENA // (padded + OVERHEAD)

    def take(self, *, everything: bool) -> Iterator[Send]:
        """Hand out full sends, and with `everything` also what is left; empties the run then."""
        size = self._size
        per_send = min(MAX_SEGMENTS, MAX_SEND // size) if size else 1
        chunk = per_send * size
        view = self._arena.view
        while self._end - self._start >= chunk > 0:
            start = self._start
            self._start = start + chunk
            yield Send(view[start : start + chunk], size, per_send)
        left = self._end - self._start
        if left and (everything or self._closed):
            start = self._start
            self._start = self._end
            yield Send(view[start : start + left], size, -(-left // size))

    def _seal_few(
        self,
        keypair: SendingKeypair,
        packets: Sequence[memoryview],
        count: int,
        first: int,
        size: int,
    ) -> None:
        view = self._arena.view
        at = self._end
        for number in range(count):
            counter = first + number
            _HEADER.pack_into(view, at, _MESSAGE_TYPE, keypair.remote_index, counter)
            keypair.seal_into(
                _NONCE.pack(counter), packets[number], None, view[at + 16 : at + size]
            )
            at += size

    def _seal_many(
        self,
        keypair: SendingKeypair,
        packets: Sequence[memoryview],
        count: int,
        first: int,
        size: int,
    ) -> None:
        arena = self._arena
        skip = self._end // size
        end = skip + count
        arena.field(0, size, "<u4", end)[skip:] = _MESSAGE_TYPE
        arena.field(4, size, "<u4", end)[skip:] = keypair.remote_index
        # NumPy wraps silently; REJECT_AFTER_MESSAGES keeps counters well below.
        counters = _STEPS[:count] + np.uint64(first)
        arena.field(8, size, "<u8", end)[skip:] = counters
        self._nonce_counters[:count] = counters
        sealed = arena.slots(16, size, size - 16, end)
        if skip:
            sealed = sealed[skip:end]
        nonces = self._nonce_views
        deque(map(keypair.seal_into, nonces, packets, repeat(None, count), sealed), 0)

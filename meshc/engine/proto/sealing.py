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

from meshc.engine.proto.rows import Arena, set_column

OVERHEAD = 32
"""Bytes a transport data message adds: header 16, tag 16 (whitepaper 5.4.6)."""

MAX_SEGMENTS = 64
"""UDP_MAX_SEGMENTS of kernels before 6.10; later ones take 128."""

MAX_SEND = 65_507

_ARENA = 384 * 1024
_FEW = 3
_HEADER = Struct("<4sIQ")
_MESSAGE_TYPE = np.frombuffer(b"\4\0\0\0\0\0\0\0", np.uint8)


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
        if count <= _FEW or self._closed:
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
        index = keypair.remote_index.to_bytes(4, "little")
        for number in range(count):
            # The nonce is four zero bytes and the counter, so it can be read from the header
            # itself before the receiver index is written between type and counter.
            _HEADER.pack_into(view, at, b"\4\0\0\0", 0, first + number)
            sealed = view[at + 16 : at + size]
            keypair.seal_into(view[at + 4 : at + 16], packets[number], None, sealed)
            view[at + 4 : at + 8] = index
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
        at = self._end
        skip, offset = divmod(at, size)
        end = skip + count
        headers = arena.matrix(at, size, 16, count)
        headers[:, :8] = _MESSAGE_TYPE
        set_column(headers, 8, np.arange(first, first + count, dtype=np.uint64), "<u8")
        nonces = arena.slots(offset + 4, size, 12, end)
        sealed = arena.slots(offset + 16, size, size - 16, end)
        if skip:
            nonces, sealed = nonces[skip:end], sealed[skip:end]
        calls = map(keypair.seal_into, nonces, packets, repeat(None, count), sealed)
        deque(calls, 0)
        index = keypair.remote_index.to_bytes(4, "little")
        headers[:, 4:8] = np.frombuffer(index, np.uint8)

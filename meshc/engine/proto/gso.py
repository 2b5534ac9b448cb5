"""UDP segmentation offload (GSO): sealed datagrams that leave in one system call.

As UDP_SEGMENT wants them they lie one after the other, all equal, only the last may be shorter,
at most 64 and 65,507 bytes a send. A run goes on over several super-packets to the same peer,
so that sends are full.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from meshc.engine.proto.datapath.arena import Arena
from meshc.engine.proto.udp_path import UdpPath

MAX_SEGMENTS = 64
"""UDP_MAX_SEGMENTS of kernels before 6.10; later ones take 128."""

MAX_SEND = 65_507

_ARENA = 384 * 1024


class Send(NamedTuple):
    """One system call's worth: `number` datagrams of `segment` bytes, the last may be shorter."""

    data: memoryview
    segment: int
    number: int


class GsoBuffer:
    """Datagrams to `endpoint`, sealed in order; `take` hands them out in sends.

    Seal at `begin`, then say so to `add`.
    """

    def __init__(self) -> None:
        self.arena = Arena(_ARENA)
        self.endpoint: UdpPath | None = None
        self._start = 0
        self._end = 0
        self._size = 0
        self._closed = False

    def __bool__(self) -> bool:
        return self._end > self._start

    def fits(self, size: int, count: int) -> bool:
        """Whether `count` more datagrams of `size` bytes can join what is there; an empty buffer
        takes 64 KiB of anything."""
        if self._end == self._start:
            return True
        if self._closed or self._end + count * size > _ARENA:
            return False
        return size == self._size or (count == 1 and size < self._size)

    def begin(self, size: int) -> int:
        """Where in `arena` datagrams of `size` bytes are to be sealed."""
        if self._end == self._start:
            self._start = self._end = 0
            self._size = size
            self._closed = False
        return self._end

    def add(self, count: int, size: int, last_size: int = 0) -> None:
        """Datagrams lie at `begin`: `count` of `size` bytes, and a shorter last one unless 0."""
        if self._end == self._start:
            self._size = size
        self._end += count * size + last_size
        if last_size or size < self._size:
            self._closed = True

    def take(self, *, everything: bool) -> Iterator[Send]:
        """Hand out full sends, and with `everything` also what is left; empties the buffer then."""
        size = self._size
        per_send = min(MAX_SEGMENTS, MAX_SEND // size) if size else 1
        chunk = per_send * size
        view = self.arena.view
        while self._end - self._start >= chunk > 0:
            start = self._start
            self._start = start + chunk
            yield Send(view[start : start + chunk], size, per_send)
        left = self._end - self._start
        if left and (everything or self._closed):
            start = self._start
            self._start = self._end
            yield Send(view[start : start + left], size, -(-left // size))


def sends_from(data: memoryview, size: int) -> Iterator[Send]:
    """Datagrams of `size` bytes that lie one after the other, the last may be shorter."""
    chunk = min(MAX_SEGMENTS, MAX_SEND // size) * size
    for start in range(0, len(data), chunk):
        part = data[start : start + chunk]
        yield Send(part, size, -(-len(part) // size))


def sends_of(datagrams: Sequence[bytes]) -> list[Send]:
    """Datagrams in order as sends: runs of one size, the last of a run may be shorter."""
    sends = []
    start, count = 0, len(datagrams)
    while start < count:
        size = len(datagrams[start])
        most = max(1, min(MAX_SEGMENTS, MAX_SEND // size))
        end = start + 1
        while end < count and end - start < most and len(datagrams[end]) == size:
            end += 1
        if end < count and end - start < most and len(datagrams[end]) < size:
            end += 1
        sends.append(Send(memoryview(b"".join(datagrams[start:end])), size, end - start))
        start = end
    return sends

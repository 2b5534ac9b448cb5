"""Receive buffer (GRO): rows of opened packets of one peer, waiting to be delivered together."""

from __future__ import annotations

from typing import NamedTuple

from meshc.engine.proto.datapath import Arena, Block
from meshc.engine.proto.datapath.coalesce import MAX_JOINED
from meshc.engine.proto.datapath.sealing import OVERHEAD

_ARENA = 320 * 1024
_STRIDES = (2048, 4096, 16384, 65536)


class Datagrams(NamedTuple):
    """`number` datagrams of `size` bytes in an arena, `stride` apart from `offset` on."""

    offset: int
    stride: int
    size: int
    number: int

    def part(self, start: int, end: int) -> Datagrams:
        """Those from `start` to before `end`."""
        return self._replace(offset=self.offset + start * self.stride, number=end - start)


class GroBuffer:
    """Where runs are opened to, each into `next_row` and those after it; then `add` it.

    `joined` is where delivery puts super-packets together.
    """

    def __init__(self) -> None:
        self.arena = Arena(_ARENA + _STRIDES[-1])
        self.joined = Arena(MAX_JOINED)
        self.stride = _STRIDES[0]
        self.next_row = 0
        self.blocks: list[Block] = []
        self.dead = 0

    def __bool__(self) -> bool:
        return self.next_row > 0

    @staticmethod
    def most(size: int) -> int:
        """How many datagrams of `size` bytes an empty buffer takes."""
        return _ARENA // _stride_for(size - OVERHEAD)

    def fits(self, run: Datagrams) -> bool:
        """Whether a run can join what is there; `most` is the limit of an empty buffer."""
        if not self.next_row:
            return True
        if run.size - OVERHEAD > self.stride:
            return False
        return (self.next_row + run.number) * self.stride <= _ARENA

    def begin(self, size: int) -> None:
        """Datagrams of `size` bytes will be opened; makes the rows of an empty buffer as wide."""
        if not self.next_row:
            self.stride = _stride_for(size - OVERHEAD)

    def add(self, size: int, number: int, dead_mask: int) -> None:
        """A run was opened; bit *i* of `dead_mask` says that nothing is in its row *i*."""
        if size > OVERHEAD:
            self.dead |= dead_mask << self.next_row
            self.blocks.append(Block(self.next_row, number, size - OVERHEAD))
            self.next_row += number

    def clear(self) -> None:
        """Everything was delivered, or will be before the next run is opened."""
        self.next_row, self.dead, self.blocks = 0, 0, []


def _stride_for(padded: int) -> int:
    for stride in _STRIDES:
        if stride >= padded:
            return stride
    raise AssertionError("a datagram is shorter than 64 KiB")

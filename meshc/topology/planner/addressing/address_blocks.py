"""Where in the pools a new node's host number is looked for.

The number space (at first 2^16 at most, so that IPv6 addresses stay short) is cut into blocks,
and a block into chunks of 16. The nodes that are reached through one relay share blocks, so that
they are a prefix or two in the files of others; inside a block one chunk is filled before the next
is begun, because a relay must list addresses exactly and a full chunk is one entry. Inside a chunk
the place comes from a hash of the name, so that two branches that each add a node rarely collide.

The first number of a block is the last to be taken: where a whole block is one AllowedIPs entry,
an IPv6 address that this entry begins at needs another of its own (see `anycast_hosts`), in files
that a new node would not have to touch otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from meshc.topology.planner.routing.relay_rank import stable_hash
from meshc.values import dataclass, field

CHUNK_BITS = 4
FIRST_WIDTH = 16
COMMON = ""  # the group of relays and of nodes without a relay; it starts at block 0


def block_bits(width: int) -> int:
    """How many low bits of a host number lie inside a block, for a space of `width` bits."""
    return min(width, max(CHUNK_BITS, (width + 1) // 2))


@dataclass(slots=True)
class NumberSpace:
    """Host numbers of `bits` bits, handed out by group. `is_free` says whether one may be taken.

    Full blocks and chunks are remembered, so that filling the space costs one look per number.
    `chunk_of` tells whose number was noted first in a chunk: others come in when there is no
    other room, because the leaves of a chunk share a home (see `leaf_homes`).
    """

    bits: int
    is_free: Callable[[int], bool]
    width: int = field(init=False)
    owned: dict[str, list[int]] = field(init=False)
    taken_blocks: set[int] = field(init=False)
    full: set[int] = field(init=False)
    chunk_of: dict[int, str] = field(default_factory=dict)
    _low: int = 0

    def __post_init__(self) -> None:
        self._set_width(min(self.bits, FIRST_WIDTH))

    def _set_width(self, width: int) -> None:
        self.width = width
        self.owned = defaultdict(list)
        self.taken_blocks = set()
        self.full = set()

    def note(self, group: str, number: int) -> None:
        """Tells that a number of this group is in use, so that its block belongs to the group."""
        block = number >> block_bits(self.width)
        self.chunk_of.setdefault(number >> CHUNK_BITS, group)
        if number < 1 << self.width and block not in self.taken_blocks:
            self.taken_blocks.add(block)
            self.owned[group].append(block)

    def take(self, group: str, name: str) -> int | None:
        """A free number near the others of its group; None when the space is full."""
        while True:
            for strict in (True, False):
                for block in self._blocks(group):
                    number = self._in_block(block, name, group if strict else None)
                    if number is not None:
                        self.note(group, number)
                        return number
            if self.width >= self.bits:
                return None
            self._set_width(min(self.bits, self.width + 4))

    def lowest(self) -> int | None:
        """The lowest free number: relays come first and get the numbers that people remember."""
        while self._low < 1 << self.width:
            if self.is_free(self._low):
                self.note(COMMON, self._low)
                return self._low
            self._low += 1
        return None

    def _block_count(self) -> int:
        return 1 << (self.width - block_bits(self.width))

    def _blocks(self, group: str) -> Iterator[int]:
        """The group's own blocks, then those of nobody, then all; full ones are left out."""
        count = self._block_count()
        start = 0 if group == COMMON else stable_hash("block", group) % count
        mine = [block for block in self.owned[group] if block not in self.full]
        yield from mine
        order = [(start + step) % count for step in range(count)]
        if group != COMMON:
            # the first is for relays, and the last is never full: it holds a broadcast address
            order.sort(key=lambda block: block in (0, count - 1))
        fresh = [block for block in order if block not in self.full]
        yield from (block for block in fresh if block not in self.taken_blocks)
        yield from (block for block in fresh if block in self.taken_blocks)

    def _in_block(self, block: int, name: str, group: str | None) -> int | None:
        """A free number in a block; for a group, in none of the chunks of others."""
        chunks = 1 << (block_bits(self.width) - min(CHUNK_BITS, self.width))
        size = 1 << min(CHUNK_BITS, self.width)
        first = block << block_bits(self.width)
        barred = False
        for chunk in range(block * chunks, (block + 1) * chunks):
            key = -1 - chunk
            if key in self.full:
                continue
            if group is not None and self.chunk_of.get(chunk, group) != group:
                barred = True
                continue
            start = stable_hash("slot", name) % size
            for step in range(size):
                number = chunk * size + (start + step) % size
                if number != first and self.is_free(number):
                    return number
            self.full.add(key)
        if group is not None and self.chunk_of.get(block * chunks, group) != group:
            return None
        if self.is_free(first):
            return first
        if not barred:
            self.full.add(block)
        return None

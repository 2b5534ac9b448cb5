"""The regions of one table of AllowedIPs: prefixes, and the peers that may have them.

The peers of a table are bits of a number here, as `minimal_table` wants them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from meshc.prefixes import BITS, DEFAULT_V4, DEFAULT_V6, Prefix, halves
from meshc.topology.planner.addressing.address_blocks import FIRST_WIDTH, block_bits
from meshc.topology.planner.allowed_ips.exit_share import ExitShare
from meshc.topology.planner.allowed_ips.minimal_table import UNMATCHED, Region, minimal_table

Prefixes = tuple[Prefix, ...]
Table = Mapping[int, Prefixes]


class PeerBits:
    """Numbers the peers of one table: relays first, then the exit, then others."""

    def __init__(self, relays: Sequence[int], exit_peer: int) -> None:
        self._bits = {peer: 2 << i for i, peer in enumerate(relays)}
        self.relays = sum(self._bits.values())
        if exit_peer >= 0 and exit_peer not in self._bits:
            self.add(exit_peer)
        self.anyone = sum(self._bits.values()) | UNMATCHED

    def __contains__(self, peer: int) -> bool:
        return peer in self._bits

    def __iter__(self) -> Iterator[int]:
        return iter(self._bits)

    def of(self, peer: int) -> int:
        return self._bits[peer]

    def add(self, peer: int) -> int:
        bit = self._bits[peer] = 2 << len(self._bits)
        return bit

    def table(self, regions: Mapping[Prefix, Region]) -> Table:
        """The smallest table for these regions, by peer."""
        found = minimal_table(regions.values())
        return {peer: found.get(bit, ()) for peer, bit in self._bits.items()}


def default_regions(
    peers: PeerBits, exit_peer: int, share: ExitShare, pools: Prefixes
) -> dict[Prefix, Region]:
    """Both default routes, always: a node with an exit never leaks IPv6. Where something is kept
    out, the pools go there as well: what is not allocated must not leave the network."""
    if exit_peer < 0:
        return {}
    bit = peers.of(exit_peer)
    regions: dict[Prefix, Region] = {}
    for default in (DEFAULT_V4, DEFAULT_V6):
        kept_out = share.parts(default.family)
        if kept_out:
            regions[default] = Region(default, bit)
            regions.update((prefix, Region(prefix, UNMATCHED)) for prefix in kept_out)
            same = (pool for pool in pools if pool.family == default.family)
            regions.update((pool, Region(pool, bit)) for pool in same)
        else:
            # `outside` keeps the two halves from becoming the one that they stand for
            for part in halves(default) if share.halves else ():
                regions[part] = Region(part, bit, bit, peers.anyone)
            if not share.halves:
                regions[default] = Region(default, bit, bit)
    return regions


def block_regions(owned: Mapping[Prefix, int], pools: Prefixes) -> Iterator[Region]:
    """The owned prefixes as regions, a block of the allocation as one where it is uniform.

    The free addresses of such a block go where its nodes go. That costs no entry, and the next
    node in the block is then routed right already.
    """
    blocks: dict[Prefix, dict[Prefix, int]] = defaultdict(dict)
    rest: dict[Prefix, int] = {}
    for prefix, peer in owned.items():
        block = block_of(prefix, pools)
        (rest if block is None else blocks[block])[prefix] = peer
    for block, inside in blocks.items():
        if len(set(inside.values())) == 1:
            yield Region(block, next(iter(inside.values())))
        else:
            rest.update(inside)
    for prefix, peer in rest.items():
        yield Region(prefix, peer)


@lru_cache(maxsize=1 << 16)
def block_of(prefix: Prefix, pools: Prefixes) -> Prefix | None:
    """The allocation block in which a prefix lies; None for one outside the numbered space."""
    for pool in pools:
        if not pool.contains(prefix):
            continue
        width = min(BITS[pool.family] - pool.length, FIRST_WIDTH)
        bits = block_bits(width)
        number = prefix.value - pool.value
        if number >> width or bits >= BITS[pool.family] - pool.length:
            return None
        if prefix.length < BITS[pool.family] - bits:
            return None  # a prefix of whole blocks
        start = pool.value + ((number >> bits) << bits)
        return Prefix(pool.family, start, BITS[pool.family] - bits)
    return None

"""The home of a leaf: which of its relays carries what it does not say directly.

The first relay of its `via`, else the one that wins for a name (rendezvous hashing, Thaler and
Ravishankar 1998): every relay gets its share of the leaves, another leaf moves nobody, and another
relay takes over its own share and leaves the rest where it is. The name is that of the leaf, or of
the one that speaks for it (see `leaf_homes`).

Where both ends have the same home, that carries the pair. Where they have not, one end decides,
always that of the same relay of the two, and its half of the leaves: so each relay of the two
carries half of those pairs, and what a leaf sends where depends on home and half of the other end
alone. Addresses are given out by both (see `address_blocks`), so that this is a prefix or two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from meshc.topology.planner.routing.relay_rank import stable_hash

_AWAY = 8  # more than the ends of a path can say about a pair of relays


class Home(NamedTuple):
    """The relay, by name, and the half of its leaves in which a leaf is. In half 1 it is reached
    through its home, as is who knows no other relay."""

    relay: str
    half: int

    def distance(self, relay: str) -> int:
        """What the link to a relay costs: nothing at home, and below 2 ** 4 elsewhere."""
        if relay == self.relay:
            return 0
        # the leaves of the one relay say 1, and those that decide less or more than that
        return _AWAY + (2 * self.half if _decides(self.relay, relay) else 1)


def home_of(name: str, via: Sequence[str], relays: Iterable[str], half_by: str = "") -> Home | None:
    """The home among the relays that a leaf is linked to; `half_by` is the name that decides about
    the half, if another."""
    near = frozenset(relays)
    if len(near) < 2:
        return Home(next(iter(near)), 1) if near else None
    half = stable_hash("half", half_by or name) & 1
    for listed in via:
        if listed in near:
            return Home(listed, half)
    return Home(max(near, key=lambda relay: (stable_hash("home", name, relay), relay)), half)


def _decides(relay: str, other: str) -> bool:
    """Whether the leaves of `relay` decide about pairs of the two."""
    first, second = sorted((relay, other))
    return relay == (second if stable_hash("decides", first, second) & 1 else first)

"""The roster of an agent: who there is, as compiled. Nodes are numbers, their probe addresses'."""

from __future__ import annotations

from collections.abc import Mapping

from meshc.values import dataclass, field


@dataclass(frozen=True, slots=True)
class Roster:
    """`relays` are all relays in the order that the whole network shares; `order` those of a leaf
    in the order of its preference, its compiled home first; `leaves` maps those of a relay to their
    compiled homes. `linked` are the leaves that may live with this relay. `partners` are
    those with which a leaf may find a direct path, and whether it is the first to call. `quiet`
    are leaves without an agent."""

    me: int
    relays: tuple[int, ...]
    order: tuple[int, ...] = ()
    leaves: Mapping[int, int] = field(default_factory=dict)
    linked: frozenset[int] = frozenset()
    partners: Mapping[int, bool] = field(default_factory=dict)
    quiet: frozenset[int] = frozenset()

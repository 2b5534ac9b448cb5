"""The table of reach: whom no rule tells apart is one class, and what it may begin with another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from meshc.topology.language.spec import Service, Spec
from meshc.topology.obligations.access import Access
from meshc.topology.obligations.reach import (
    Side,
    all_groups,
    named,
    parties_of,
    services_between,
    side_of,
    stand_ins,
)
from meshc.values import dataclass


class ReachClass(NamedTuple):
    """`members` are nodes, LANs, parts of LANs or the internet, sorted; `names` the same with whole
    groups by their own name. `sends` is false for the internet, which begins nothing."""

    names: tuple[str, ...]
    members: tuple[str, ...]
    sends: bool


@dataclass(frozen=True, slots=True)
class ReachTable:
    """`cells` has what the first of two classes, by their numbers, may begin with the second; what
    is not in it is nothing. A class by itself is its members among each other."""

    classes: tuple[ReachClass, ...]
    cells: Mapping[tuple[int, int], tuple[Service, ...]]

    def of(self) -> dict[str, int]:
        """The class of each member."""
        return {name: n for n, one in enumerate(self.classes) for name in one.members}


def reach_table(spec: Spec) -> ReachTable:
    """Sorted by names."""
    access = Access.of(spec, stand_ins(spec))
    found: dict[tuple[Side, bool], list[str]] = {}
    for party in parties_of(spec, [access] if access is not None else []):
        found.setdefault((side_of(party, access), party.sends), []).append(party.name)
    groups = all_groups(spec)
    rows = sorted(
        (ReachClass(named(members, groups), tuple(sorted(members)), sends), side)
        for (side, sends), members in found.items()
    )
    cells = {
        (i, j): services
        for i, (one, side) in enumerate(rows)
        for j, (_, other) in enumerate(rows)
        if one.sends
        and (i != j or len(one.members) > 1)
        and (services := services_between(access, side, other))
    }
    return ReachTable(tuple(one for one, _ in rows), cells)

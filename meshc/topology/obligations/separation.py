"""The separation of a network: which pairs a test declares apart.

A pair that may not meet in one direction may not meet: an exchange needs both. Ends are compared
pair by pair; nodes with the same signature are alike to every declaration.
"""

from __future__ import annotations

from collections.abc import Iterator

from meshc.prefixes import Prefix
from meshc.topology.obligations.claim import Claim, ClaimEnd
from meshc.values import dataclass

Signature = tuple[frozenset[int], frozenset[int]]
NO_SIDE: Signature = (frozenset(), frozenset())


@dataclass(frozen=True, slots=True)
class Separation:
    """`sides` are (sources, targets) of the tests that expect nothing to arrive."""

    sides: tuple[tuple[ClaimEnd, ClaimEnd], ...] = ()

    @classmethod
    def of(cls, claims: tuple[Claim, ...]) -> Separation:
        # a test of one service says nothing about the others
        whole = (claim for claim in claims if claim.apart and claim.test.service is None)
        return cls(tuple((claim.sources, claim.targets) for claim in whole))

    def signatures(self, family: int) -> dict[str, Signature]:
        """By node: the numbers of the declarations that it sends in, and receives in. Who is in
        none has no entry."""
        sends: dict[str, set[int]] = {}
        receives: dict[str, set[int]] = {}
        for number, (sources, targets) in enumerate(self.sides):
            for name in sources.nodes(family):
                sends.setdefault(name, set()).add(number)
            for name in targets.nodes(family):
                receives.setdefault(name, set()).add(number)
        return {
            name: (frozenset(sends.get(name, ())), frozenset(receives.get(name, ())))
            for name in sends.keys() | receives.keys()
        }

    def from_outside(self, name: str, address: Prefix) -> bool:
        """Whether a node and a host beyond the nodes are declared apart."""
        return any(
            (targets.holds(address) and name in sources.nodes(address.family))
            or (sources.holds(address) and name in targets.nodes(address.family))
            for sources, targets in self.sides
        )

    def pairs(self, family: int) -> Iterator[tuple[str, str]]:
        """Every pair of nodes, as it was declared; some may come more than once."""
        for sources, targets in self.sides:
            others = targets.nodes(family)
            for one in sources.nodes(family):
                yield from ((one, other) for other in others if other != one)


def apart(one: Signature, other: Signature) -> bool:
    """Whether two nodes with these signatures are declared apart."""
    return not (one[0].isdisjoint(other[1]) and one[1].isdisjoint(other[0]))

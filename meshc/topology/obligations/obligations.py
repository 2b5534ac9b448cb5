"""The obligations as one value: for every node what must be in its file, for every pair, LAN, exit
and test what must hold, and what is let off by a choice or a warning that has a name.

Nothing here is a plan: it is made from the topology, and from the addresses that were given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from types import MappingProxyType

from meshc.prefixes import Prefix
from meshc.topology.language.spec import Spec
from meshc.topology.obligations.access import Access
from meshc.topology.obligations.claim import Claim, read_claims
from meshc.topology.obligations.exit_duty import ExitDuty, exit_duties
from meshc.topology.obligations.file_duty import FileDuty, file_duty
from meshc.topology.obligations.own_lan import OwnLan, own_lans, waived
from meshc.topology.obligations.separation import NO_SIDE, Separation, apart
from meshc.topology.obligations.silence import Silence
from meshc.values import dataclass, field


class Due(Enum):
    """What is owed to one pair of nodes in one direction."""

    MUST_REACH = "must reach"
    MAY_SLEEP = "may be asleep by choice"
    APART = "declared apart"
    WAIVED = "waived by a warning"


@dataclass(frozen=True, slots=True)
class Obligations:
    """`files` has every managed node; `families` are those of the pools: every node has an
    address in each. `exits` has the users of exits that leave something out."""

    files: Mapping[str, FileDuty] = field(default_factory=dict)
    families: tuple[int, ...] = ()
    claims: tuple[Claim, ...] = ()
    separation: Separation = Separation()
    access: Access | None = None
    silence: Silence = Silence()
    own_lans: tuple[OwnLan, ...] = ()
    exits: Mapping[str, ExitDuty] = field(default_factory=dict)
    sites: Mapping[str, str | None] = field(default_factory=dict)
    addresses: Mapping[str, tuple[Prefix, ...]] = field(default_factory=dict)

    def due(self, source: str, target: str, family: int, address: Prefix | None = None) -> Due:
        """What a packet between two nodes is owed; `address` is the target's, when known."""
        known = self.separation.signatures(family)
        if apart(known.get(source, NO_SIDE), known.get(target, NO_SIDE)):
            return Due.APART
        if not self.speak(source, target, family):
            return Due.APART
        if address is not None and self.waived_at(source, address) is not None:
            return Due.WAIVED
        asleep = self.silence.chosen(target, source) is not None
        return Due.MAY_SLEEP if asleep else Due.MUST_REACH

    def speak(self, source: str, target: str, family: int) -> bool:
        """Whether policies let anything begin between two nodes, either way: answers go back."""
        if self.access is None:
            return True
        ours, theirs = (
            [a.value for a in self.addresses.get(name, ()) if a.family == family]
            for name in (source, target)
        )
        return any(
            self.access.allowing(family, one, other) or self.access.allowing(family, other, one)
            for one in ours
            for other in theirs
        )

    def exchange(self, name: str, host: Prefix) -> bool:
        """Whether policies let anything begin between a node and a host beyond the nodes."""
        if self.access is None:
            return True
        ours = [a.value for a in self.addresses.get(name, ()) if a.family == host.family]
        ways = [(one, host.value) for one in ours] + [(host.value, one) for one in ours]
        return any(self.access.allowing(host.family, *way) for way in ways)

    def waived_at(self, name: str, address: Prefix) -> OwnLan | None:
        """The warning that says that `name` sends this address to its own LAN."""
        return waived(self.own_lans, self.sites.get(name), address)

    def cuts(self) -> Iterator[Prefix]:
        """Prefixes inside of which tests do not tell addresses apart."""
        for claim in self.claims:
            yield from claim.sources.prefixes
            yield from claim.targets.prefixes
        for rule in self.access.rules if self.access is not None else ():
            for end in (rule.sources, rule.targets, rule.excluded):
                yield from end.prefixes


def obligations(
    spec: Spec, addresses: Mapping[str, tuple[Prefix, ...]] = MappingProxyType({})
) -> Obligations:
    """`addresses` fill in for nodes to which the topology gives none."""
    given = {name: node.addresses or addresses.get(name, ()) for name, node in spec.nodes.items()}
    claims = read_claims(
        spec.tests,
        addresses=given,
        pools=spec.network.pools,
        routes=[route for node in spec.nodes.values() for route in node.routes],
    )
    return Obligations(
        files={
            name: file_duty(node, given[name], spec.network.mtu)
            for name, node in sorted(spec.nodes.items())
            if node.managed
        },
        families=tuple(sorted({pool.family for pool in spec.network.pools})),
        claims=claims,
        separation=Separation.of(claims),
        access=Access.of(spec, given),
        silence=Silence.of(spec),
        own_lans=tuple(own_lans(spec)),
        addresses=given,
        exits=exit_duties(spec),
        sites={name: node.site for name, node in spec.nodes.items()},
    )

"""The obligations as one value: for every node what must be in its file, for every pair, LAN, exit
and test what must hold, and what is let off by a choice or a warning that has a name.

Nothing here is a plan: it is made from the topology, and from the addresses that were given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from meshc.prefixes import Prefix
from meshc.topology.language.spec import Spec
from meshc.topology.obligations.access import Access
from meshc.topology.obligations.claim import Claim, ClaimEnd, read_claims
from meshc.topology.obligations.due import APART, MUST_REACH, UNASKED, Due, Owed, Party
from meshc.topology.obligations.exit_duty import WHOLE, ExitDuty, exit_duties
from meshc.topology.obligations.file_duty import FileDuty, file_duty
from meshc.topology.obligations.own_lan import OwnLan, own_lans, waived
from meshc.topology.obligations.separation import NO_SIDE, Separation, apart
from meshc.topology.obligations.silence import Silence
from meshc.topology.obligations.whereabouts import Whereabouts
from meshc.values import dataclass, field


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
    around: Whereabouts = Whereabouts()
    exits: Mapping[str, ExitDuty] = field(default_factory=dict)

    def owed(self, source: Party, target: Party, family: int) -> Owed:
        """What an exchange that `source` begins is owed. What may fail on the way, at a relay, is
        let off for every pair: which relay it is, is nothing that the topology says."""
        if source == target or source.in_internet or not self._known(source, target):
            return UNASKED
        if self._apart(source, target, family) or not self._allowed(source, target, family):
            return APART
        if self._claimed(source, target, family):
            return MUST_REACH
        if not source.is_node or not self._asked(source.node, target, family):
            return UNASKED
        waiver = self._waiver(source, target, family)
        if waiver:
            return Owed(Due.WAIVED, waiver)
        asked = target.node or self.around.exits[source.node]
        if target.in_internet and family not in self.around.speaks.get(asked, (family,)):
            return Owed(Due.WAIVED, "W204")
        if self.silence.sleeps(asked) or any(map(self.silence.sleeps, self.around.relays)):
            return Owed(Due.MAY_SLEEP, "W408")
        return MUST_REACH

    def party(self, address: Prefix) -> Party:
        """Who is reached at an address."""
        name = self.around.owner(address)
        if name is not None:
            return Party(name)
        return Party(self.around.router(address) or "", address)

    def waived_at(self, name: str, address: Prefix) -> OwnLan | None:
        """The warning that says that `name` sends this address to its own LAN."""
        return waived(self.own_lans, self.around.sites.get(name), address)

    def cuts(self) -> Iterator[Prefix]:
        """Prefixes inside of which tests do not tell addresses apart."""
        for claim in self.claims:
            yield from claim.sources.prefixes
            yield from claim.targets.prefixes
        for rule in self.access.rules if self.access is not None else ():
            for end in (rule.sources, rule.targets, rule.excluded):
                yield from end.prefixes

    def _known(self, source: Party, target: Party) -> bool:
        """Between two nodes without a file nothing is claimed."""
        unmanaged = self.around.unmanaged
        return source.node not in unmanaged or target.node not in unmanaged

    def _apart(self, source: Party, target: Party, family: int) -> bool:
        """An exchange needs both directions, so that either one is declared. Who may not meet a
        router may not meet its LAN."""
        for one, other in ((source, target), (target, source)):
            if other.host is not None and one.is_node:
                if self.separation.from_outside(one.node, other.host):
                    return True
            elif other.host is not None and one.host is not None and self._forbidden(one, other):
                return True
        known = self.separation.signatures(family)
        return apart(known.get(source.node, NO_SIDE), known.get(target.node, NO_SIDE))

    def _allowed(self, source: Party, target: Party, family: int) -> bool:
        """Whether policies let anything begin."""
        if self.access is None:
            return True
        return any(
            self.access.allowing(family, one.value, other.value)
            for one in self._addresses(source, family)
            for other in self._addresses(target, family)
        )

    def _forbidden(self, one: Party, other: Party) -> bool:
        return any(
            _means(sources, one, 0) and _means(targets, other, 0)
            for sources, targets in self.separation.sides
        )

    def _claimed(self, source: Party, target: Party, family: int) -> bool:
        """Whether a test says that it must arrive, whatever else lets it off."""
        return any(
            not claim.apart
            and _means(claim.sources, source, family)
            and _means(claim.targets, target, family)
            for claim in self.claims
        )

    def _asked(self, source: str, target: Party, family: int) -> bool:
        """Whether the topology asks that a node gets there, without any test."""
        if target.is_node:
            return family in self.families
        assert target.host is not None, "a party that is no node is a host"
        if target.host.family != family or family not in self.families:
            return False
        if self.around.beside(source, target.host):
            return False
        if target.in_internet:
            duty = self.exits.get(source, WHOLE)
            beside = any(
                prefix.contains(target.host) for part in duty.parts(family) for prefix in part
            )
            return self.around.uses_exit(source, target.host) and not beside
        return target.node != source

    def _waiver(self, source: Party, target: Party, family: int) -> str:
        """The warning of an own LAN that may swallow the packet, at its source or at a relay, or
        the answer."""
        if target.host is not None and self.around.nested(source.node, target.host):
            return "W211"
        for name, others in ((source.node, target), (target.node, source)):
            for place in (name, *self.around.relays):
                for address in self._addresses(others, family):
                    found = self.waived_at(place, address) if place else None
                    if found is not None:
                        return found.code
        return ""

    def _addresses(self, party: Party, family: int) -> tuple[Prefix, ...]:
        if party.host is not None:
            return (party.host,)
        known = self.around.addresses.get(party.node, ())
        return tuple(address for address in known if address.family == family)


def _means(end: ClaimEnd, party: Party, family: int) -> bool:
    if party.host is not None:
        return end.holds(party.host)
    return party.node in end.nodes(family)


def obligations(
    spec: Spec, addresses: Mapping[str, tuple[Prefix, ...]] = MappingProxyType({})
) -> Obligations:
    """`addresses` fill in for nodes to which the topology gives none."""
    around = Whereabouts.of(spec, addresses)
    claims = _claims(spec, around)
    return Obligations(
        files={
            name: file_duty(
                node, around.addresses[name], spec.network.mtu, around.name_servers(node)
            )
            for name, node in sorted(spec.nodes.items())
            if node.managed
        },
        families=tuple(sorted({pool.family for pool in spec.network.pools})),
        claims=claims,
        separation=Separation.of(claims),
        access=Access.of(spec, around.addresses),
        silence=Silence.of(spec),
        own_lans=tuple(own_lans(spec)),
        around=around,
        exits=exit_duties(spec),
    )


def separation(spec: Spec, addresses: Mapping[str, tuple[Prefix, ...]]) -> Separation:
    """Of the obligations, only what tests declare apart."""
    return Separation.of(_claims(spec, Whereabouts.of(spec, addresses)))


def _claims(spec: Spec, around: Whereabouts) -> tuple[Claim, ...]:
    return read_claims(
        spec.tests,
        addresses=around.addresses,
        pools=spec.network.pools,
        routes=[prefix for prefix, _ in around.lans],
    )

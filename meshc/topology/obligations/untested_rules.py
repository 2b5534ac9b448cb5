"""Rules without a test: no line of `tests:` expects anything to pass that they allow."""

from __future__ import annotations

from collections.abc import Iterator

from meshc.topology.language.spec import PolicySpec, Service, Spec
from meshc.topology.obligations.access import Access, Stretches
from meshc.topology.obligations.claim import Addresses, Claim, ClaimEnd, read_claims
from meshc.topology.obligations.reach import stand_ins


def untested_rules(spec: Spec) -> tuple[PolicySpec, ...]:
    """In their order."""
    addresses = stand_ins(spec)
    access = Access.of(spec, addresses)
    if access is None:
        return ()
    routes = [route for node in spec.nodes.values() for route in node.routes]
    claims = read_claims(spec.tests, addresses=addresses, pools=spec.network.pools, routes=routes)
    tested = {
        number
        for claim in claims
        if not claim.apart
        for family in access.senders
        for number in _touched(access, claim, family, addresses)
        if any(_overlap(one, claim.test.service) for one in access.rules[number].services)
    }
    return tuple(rule for number, rule in enumerate(access.rules) if number not in tested)


def _touched(access: Access, claim: Claim, family: int, addresses: Addresses) -> frozenset[int]:
    """The rules that hold some source and some target of a test."""
    sources = frozenset(_rules(access.senders[family], claim.sources, addresses))
    return sources & frozenset(_rules(access.receivers[family], claim.targets, addresses))


def _rules(side: Stretches, end: ClaimEnd, addresses: Addresses) -> Iterator[int]:
    own = [a for name in end.nodes(side.family) for a in addresses.get(name, ())]
    for stretch in side.within([p for p in (*own, *end.prefixes) if p.family == side.family]):
        yield from stretch.rules


def _overlap(one: Service, wanted: Service | None) -> bool:
    """Whether some packet is of both services; without one any will do."""
    if wanted is None or "all" in (one.protocol, wanted.protocol):
        return True
    same = one.protocol == wanted.protocol
    return same and one.first <= wanted.last and wanted.first <= one.last

"""The explanation of one service: does it get from one host to another, by which rule, and do the
answers come back?"""

from __future__ import annotations

from dataclasses import replace

from meshc.prefixes import Prefix, parse_address
from meshc.topology.language.spec import PolicySpec, Service
from meshc.topology.obligations.access import Access
from meshc.topology.proof.network_model import NetworkModel
from meshc.topology.proof.walk import Packet, Trace, walk
from meshc.values import dataclass


@dataclass(frozen=True, slots=True)
class ServiceLeg:
    """One family: the packet that begins, and its answer, which is None when nothing arrives.
    `rules` let it pass; without them `instead` is what may pass between the two."""

    family: int
    there: Trace
    back: Trace | None
    rules: tuple[PolicySpec, ...]
    instead: tuple[Service, ...]

    @property
    def works(self) -> bool:
        return self.there.delivered and self.back is not None and self.back.delivered


@dataclass(frozen=True, slots=True)
class ServiceStory:
    """From `a` to `b`, in each family that both have. Without `policies` every rule is missing."""

    a: str
    b: str
    service: Service
    policies: bool
    legs: tuple[ServiceLeg, ...]

    @property
    def works(self) -> bool:
        return bool(self.legs) and all(leg.works for leg in self.legs)


def explain_service(
    network: NetworkModel, access: Access | None, a: str, b: str, service: Service
) -> ServiceStory:
    """`b` is a node or an address. Raises: KeyError for an unknown node `a`."""
    own = network.model(a).own
    targets = network.model(b).own if b in network.models else (Prefix.host(parse_address(b)),)
    legs = []
    for family in (4, 6):
        source = next((p for p in own if p.family == family), None)
        target = next((p for p in targets if p.family == family), None)
        if source is None or target is None:
            continue
        port = service.first if service.protocol in ("tcp", "udp") else 0
        packet = Packet(
            family, source.value, target.value, protocol=service.protocol, port=port or 0
        )
        there = walk(network, a, packet, target=b)
        back = None
        if there.delivered:
            answer = packet._replace(source=target.value, target=source.value, established=True)
            back = replace(walk(network, there.path[-1], answer, target=a), origin=b)
        legs.append(_leg(access, service, (family, source.value, target.value), there, back))
    return ServiceStory(a, b, service, access is not None, tuple(legs))


def _leg(
    access: Access | None,
    service: Service,
    ends: tuple[int, int, int],
    there: Trace,
    back: Trace | None,
) -> ServiceLeg:
    if access is None:
        return ServiceLeg(ends[0], there, back, (), ())
    numbers = access.allowing(*ends)
    rule = access.rule_for(*ends, service)
    rules = (rule,) if rule is not None else ()
    return ServiceLeg(ends[0], there, back, rules, access.services(numbers))

"""What relays, routers and exits must forward, and the firewall rules that follow from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from operator import attrgetter

from meshc.prefixes import Prefix, collapse
from meshc.topology.language.spec import NodeSpec, Platform, Spec
from meshc.topology.obligations.exit_surroundings import SURROUNDINGS
from meshc.topology.planner.mesh_plan import Forwarding, PeerPlan
from meshc.topology.planner.policy.flow_rules import (
    Decision,
    FamilyRules,
    FlowState,
    ForwardRule,
    NatRule,
    Side,
)

# They forward between all their interfaces by nature, so that even one with no task is told not to.
_ROUTERS = frozenset({Platform.OPENWRT, Platform.ROUTEROS})


def forwarding_of(
    spec: Spec, node: NodeSpec, mtus: Sequence[int], users: Iterable[Prefix] = ()
) -> Forwarding:
    """The forwarding facts of a node; `mtus` are those of the whole network, `users` the addresses
    and LANs of the nodes whose exit it is.

    TCP's segment size is clamped where packets pass between links of different MTU: always
    towards a LAN or the internet, and between peers when their interfaces differ.
    """
    exit_ = node.exit_node
    if not (node.is_relay or node.routes or exit_):
        return Forwarding()
    # A host that forwards IPv6 believes no router advertisements any more (RFC 4861 section 6.2.1),
    # so that the switch is thrown only in families in which there is something to forward.
    families = {prefix.family for prefix in node.routes}
    if node.is_relay or exit_:
        families |= {pool.family for pool in spec.network.pools}
    return Forwarding(
        families=tuple(sorted(families)),
        pools=tuple(sorted(spec.network.pools)),
        relay=node.is_relay,
        lans=tuple(sorted(node.routes)),
        masquerade=node.masquerade,
        exit=exit_,
        users=collapse(users) if exit_ else (),
        clamp_mss=exit_ or bool(node.routes) or len(set(mtus)) > 1,
    )


def firewall_of(
    forwarding: Forwarding,
    peers: Iterable[PeerPlan],
    platform: Platform,
    pools: Sequence[Prefix],
    lans: Iterable[Prefix] | None = None,
) -> tuple[FamilyRules, ...]:
    """The rules of a node; none where nothing is forwarded. `lans` are those of others, for the
    user of an exit."""
    # of a node that forwards nothing nobody asks where packets come from
    rules = _rules(forwarding, origins(peers, forwarding.pools, lans)) if forwarding.needed else ()
    if platform in _ROUTERS:
        closed = sorted({pool.family for pool in pools}.difference(forwarding.families))
        rules = (*rules, *_rules(Forwarding(families=tuple(closed)), ()))
    return tuple(sorted(rules, key=attrgetter("family")))


def origins(
    peers: Iterable[PeerPlan], pools: Iterable[Prefix], lans: Iterable[Prefix] | None = None
) -> tuple[Prefix, ...]:
    """Every address from which the mesh may send through a node: the pools and the LANs that
    WireGuard's source filter lets in; all `lans` of the network where they cannot be told from
    the way to the internet."""
    if lans is None:
        lans = {p for peer in peers for p in peer.allowed_ips if p.length}
    return collapse([*lans, *pools])


@lru_cache(maxsize=1024)
def _rules(forwarding: Forwarding, sources: tuple[Prefix, ...]) -> tuple[FamilyRules, ...]:
    return tuple(
        FamilyRules(
            family,
            tuple(_forward(forwarding, family)),
            tuple(_nat(forwarding, family, _of(family, sources))),
            forwarding.clamp_mss,
        )
        for family in forwarding.families
    )


def _forward(forwarding: Forwarding, family: int) -> Iterator[ForwardRule]:
    tunnel, wan = Side.TUNNEL, Side.WAN
    if forwarding.relay:
        yield ForwardRule(Decision.ACCEPT, tunnel, tunnel)
    for lan in _of(family, forwarding.lans):
        yield ForwardRule(Decision.ACCEPT, tunnel, destination=lan)
        yield ForwardRule(Decision.ACCEPT, way_out=tunnel, source=lan)
    if forwarding.exit:
        for near in SURROUNDINGS[family]:
            yield ForwardRule(Decision.DROP, tunnel, wan, destination=near)
        for user in _of(family, forwarding.users):
            yield ForwardRule(Decision.ACCEPT, tunnel, wan, source=user)
        yield ForwardRule(Decision.ACCEPT, wan, tunnel, state=FlowState.ANSWER)
    # Turning forwarding on must not open more than was asked for: what else comes in from the
    # mesh ends here, except connections that this host publishes itself.
    yield ForwardRule(Decision.HOST, tunnel, state=FlowState.PUBLISHED)
    yield ForwardRule(Decision.DROP, tunnel)


def _nat(forwarding: Forwarding, family: int, sources: Sequence[Prefix]) -> Iterator[NatRule]:
    lans = _of(family, forwarding.lans)
    if not forwarding.masquerade:
        if forwarding.exit and lans:
            yield NatRule(False, destinations=tuple(lans))
    else:
        for some, to in _hidden_from(lans, sources).items():
            yield NatRule(True, Side.OUTSIDE, some, tuple(to))
    if forwarding.exit:
        beyond = tuple(s for s in sources if not any(lan.contains(s) for lan in lans))
        if beyond:
            yield NatRule(True, Side.WAN, beyond)


def _hidden_from(
    lans: Iterable[Prefix], sources: Sequence[Prefix]
) -> dict[tuple[Prefix, ...], list[Prefix]]:
    """The LANs by the sources that are hidden from them: all that do not lie inside. Mostly that is
    one entry, so that a router of many LANs in a network of many has a rule, not their product."""
    found: dict[tuple[Prefix, ...], list[Prefix]] = {}
    for lan in lans:
        some = tuple(source for source in sources if not lan.contains(source))
        if some:
            found.setdefault(some, []).append(lan)
    return found


def _of(family: int, prefixes: Iterable[Prefix]) -> list[Prefix]:
    return [prefix for prefix in prefixes if prefix.family == family]

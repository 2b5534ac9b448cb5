"""Punching: pairs of leaves that no file can link, and whose agents may find a direct path.

A relay sees both behind their NATs and tells each where the other is; both call at one time, so
that each NAT takes the other's call for an answer (`agent.core.direct_path`). Their files hold a
session for it that nobody begins: without endpoint and prefix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from meshc.prefix_index import PrefixIndex
from meshc.topology.language.spec import LinkSpec, Nat, NodeSpec, Spec
from meshc.topology.planner.links.link import allows, common_families, same_site
from meshc.topology.planner.policy.link_policy import LinkPolicy

Row = tuple[int, ...]
MOST = 64
"""Partners of a node: each is a session, a probe a second, and a section in its file."""
_PORT_MATTERS = frozenset({Nat.SYMMETRIC, Nat.PORT_RESTRICTED})


def may_be_punched(
    nodes: Sequence[NodeSpec],
    overrides: Mapping[tuple[int, int], LinkSpec],
    policy: LinkPolicy,
    i: int,
    j: int,
) -> str:
    """Why two nodes without a link can have no direct path; empty when they may."""
    a, b = nodes[i], nodes[j]
    without = next((node.name for node in (a, b) if not node.runs_agent), None)
    if without is not None:
        return f"{without} runs no agent"
    override = overrides.get((min(i, j), max(i, j)))
    if override is not None and override.direct is False:
        return "links: forbids it"
    for node, other in ((a, b), (b, a)):
        if not allows(node, other):
            return f"`direct` of {node.name} does not include {other.name}"
    if not common_families(a, b):
        return "they have no address family in common"
    for node, other in ((a, b), (b, a)):
        if node.exit == other.name:
            return f"{other.name} is the exit of {node.name}"
    objection = policy.objection(a, b)
    return objection or ("" if same_site(a, b) else _between_nats(a, b))


def _between_nats(a: NodeSpec, b: NodeSpec) -> str:
    for node, other in ((a, b), (b, a)):
        if node.nat is Nat.SYMMETRIC and other.nat in _PORT_MATTERS:
            kind = other.nat.value.replace("_", "-")
            return (
                f"the NAT of {node.name} gives every peer another port, and that of {other.name} "
                f"({kind}) lets nobody in whose port it does not know"
            )
    return ""


def find_partners(
    spec: Spec,
    nodes: Sequence[NodeSpec],
    overrides: Mapping[tuple[int, int], LinkSpec],
    policy: LinkPolicy,
    neighbours: Sequence[Row],
    standby: Sequence[Row],
) -> tuple[Row, ...]:
    """For each node those that it may have a direct path with. Where there are too many to try all,
    those that one of the two names in its `direct`."""
    relays = frozenset(i for i, node in enumerate(nodes) if node.is_relay)
    near = [relays.intersection((*neighbours[i], *standby[i])) for i in range(len(nodes))]
    beside = _beside_others(spec, nodes)
    able = [
        i
        for i, node in enumerate(nodes)
        if node.runs_agent and i not in relays | beside and near[i]
    ]
    few = len(able) <= MOST
    found: dict[int, list[int]] = {}
    for i, j in combinations(able, 2) if few else _named(nodes, able):
        if j in neighbours[i] or may_be_punched(nodes, overrides, policy, i, j):
            continue
        if near[i].isdisjoint(near[j]):
            continue  # nobody sees both
        if max(len(found.get(i, ())), len(found.get(j, ()))) < MOST:
            found.setdefault(i, []).append(j)
            found.setdefault(j, []).append(i)
    return tuple(tuple(sorted(found.get(i, ()))) for i in range(len(nodes)))


def _named(nodes: Sequence[NodeSpec], able: Sequence[int]) -> Sequence[tuple[int, int]]:
    number = {nodes[i].name: i for i in able}
    pairs = set()
    for i in able:
        named = nodes[i].direct
        for name in named if isinstance(named, tuple) else ():
            j = number.get(name, i)
            if j != i:
                pairs.add((min(i, j), max(i, j)))
    return sorted(pairs)


def _beside_others(spec: Spec, nodes: Sequence[NodeSpec]) -> frozenset[int]:
    """Routers whose LAN holds a part of another's, or of a pool: their entries cannot move without
    taking the others' along."""
    routed = PrefixIndex((route, i) for i, node in enumerate(nodes) for route in node.routes)
    return frozenset(
        i
        for i, node in enumerate(nodes)
        for route in node.routes
        if any(other != i for _, other in routed.overlapping(route))
        or any(route.overlaps(pool) for pool in spec.network.pools)
    )

"""Finds the linked pairs without looking at every pair.

Nodes that cannot be told apart by anything that decides about a link (families, NAT, endpoints,
`direct`, role, policies) form one kind, and two kinds are linked as a whole or not at all. Pairs of
one site, `direct` lists and `links:` are added to that. Ten thousand leaves of three relays are two
kinds and thirty thousand links, never fifty million pairs.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from meshc.topology.language.spec import DirectMode, LinkSpec, NodeSpec
from meshc.topology.planner.links.link import allows, directions
from meshc.topology.planner.policy.link_policy import EVERYBODY, LinkPolicy
from meshc.topology.planner.routing.home_relay import home_of
from meshc.topology.planner.routing.relay_rank import global_rank

Row = tuple[int, ...]
Kind = tuple[object, ...]
Edits = dict[int, dict[int, bool]]


def find_neighbours(
    nodes: Sequence[NodeSpec],
    overrides: Mapping[tuple[int, int], LinkSpec],
    policy: LinkPolicy = EVERYBODY,
) -> tuple[Row, ...]:
    """The neighbours of every node as sorted numbers; equal rows are one object."""
    plain = [i for i, node in enumerate(nodes) if not _is_choosy(node)]
    rows = _rows_by_kind(nodes, plain, policy)
    edits: Edits = defaultdict(dict)
    if len(plain) < len(nodes):
        number = {node.name: i for i, node in enumerate(nodes)}
        relays = [i for i, node in enumerate(nodes) if node.is_relay]
        for i, node in enumerate(nodes):
            if _is_choosy(node):
                for j in _chosen(nodes, i, number, relays, overrides, policy):
                    edits[i][j] = edits[j][i] = True
    for (a, b), link in overrides.items():
        if link.direct is not None:
            edits[a][b] = edits[b][a] = link.direct
    shared: dict[Row, Row] = {}
    result: list[Row] = []
    for i in range(len(nodes)):
        row = _edited(rows.get(i, ()), i, edits.get(i))
        result.append(shared.setdefault(row, row))
    return tuple(result)


def _is_choosy(node: NodeSpec) -> bool:
    """Nodes that name their links one by one are few links each, and are looked at singly."""
    return isinstance(node.direct, tuple) or node.direct is DirectMode.NONE


def _possible(a: NodeSpec, b: NodeSpec, policy: LinkPolicy) -> bool:
    wanted = allows(a, b) and allows(b, a) and directions(a, b) is not None
    return wanted and policy.permits(a, b)


def _chosen(
    nodes: Sequence[NodeSpec],
    i: int,
    number: Mapping[str, int],
    relays: Sequence[int],
    overrides: Mapping[tuple[int, int], LinkSpec],
    policy: LinkPolicy,
) -> list[int]:
    """The neighbours of a node with a `direct` list, or the one relay of `direct: none`."""
    node = nodes[i]
    if not isinstance(node.direct, tuple):
        return _the_one(nodes, i, relays, overrides, policy)
    # a node with `direct: none` picks its one link itself
    listed = {number[name] for name in node.direct if name in number} - {i}
    others = (j for j in listed if nodes[j].direct is not DirectMode.NONE)
    return sorted(j for j in others if _possible(node, nodes[j], policy))


def _the_one(
    nodes: Sequence[NodeSpec],
    i: int,
    relays: Sequence[int],
    overrides: Mapping[tuple[int, int], LinkSpec],
    policy: LinkPolicy,
) -> list[int]:
    """The one relay of a node with `direct: none`: its home among the relays that are linked to
    one that all agree on, so that nobody is alone because of the choice."""

    def usable(j: int, near: Sequence[int]) -> list[int]:
        able = (k for k in near if k != j and _possible(nodes[j], nodes[k], policy))
        return [k for k in able if not _forbidden(overrides, j, k)]

    node = nodes[i]
    near = {nodes[j].name: j for j in usable(i, relays)}
    if not near:
        return []
    for name in node.via:
        if name in near:
            return [near[name]]
    first = min(near.values(), key=lambda j: global_rank(nodes[j]))
    if node.is_relay:
        return [first]
    home = home_of(
        node.name, (), (nodes[j].name for j in (first, *usable(first, [*near.values()])))
    )
    return [first if home is None else near[home.relay]]


def _forbidden(overrides: Mapping[tuple[int, int], LinkSpec], i: int, j: int) -> bool:
    link = overrides.get((min(i, j), max(i, j)))
    return link is not None and link.direct is False


def _rows_by_kind(
    nodes: Sequence[NodeSpec], members: Sequence[int], policy: LinkPolicy
) -> dict[int, Row]:
    """The links among `members`: those over the internet, and those inside a site."""
    public = _kind_rows(
        nodes,
        members,
        lambda node: (_public_kind(node), policy.kind(node)),
        lambda a, b: _possible(_off_site(a), _off_site(b), policy),
    )
    sites: dict[str, list[int]] = defaultdict(list)
    for i in members:
        if nodes[i].site is not None:
            sites[str(nodes[i].site)].append(i)
    rows = public
    for inside in sites.values():
        if not any(nodes[i].lan_endpoint for i in inside):
            continue
        merged: dict[tuple[int, int], Row] = {}
        near = _kind_rows(
            nodes,
            inside,
            lambda node: (_lan_kind(node), policy.kind(node)),
            lambda a, b: _possible(a, b, policy),
        )
        for i, row in near.items():
            key = (id(rows[i]), id(row))
            if key not in merged:
                merged[key] = tuple(sorted({*rows[i], *row}))
            rows[i] = merged[key]
    return rows


def _kind_rows(
    nodes: Sequence[NodeSpec],
    members: Sequence[int],
    kind_of: Callable[[NodeSpec], Kind],
    linked: Callable[[NodeSpec, NodeSpec], bool],
) -> dict[int, Row]:
    """For each member the members of all kinds linked to its own; a row may hold itself."""
    kinds: dict[Kind, list[int]] = defaultdict(list)
    for i in members:
        kinds[kind_of(nodes[i])].append(i)
    groups = list(kinds.values())
    result: dict[int, Row] = {}
    for group in groups:
        sample = nodes[group[0]]
        row: list[int] = []
        for other in groups:
            if linked(sample, nodes[other[0]]):
                row.extend(other)
        shared = tuple(sorted(row))
        result.update(dict.fromkeys(group, shared))
    return result


def _public_kind(node: NodeSpec) -> Kind:
    """Everything that decides about links over the internet."""
    families = frozenset(endpoint.family for endpoint in node.endpoints)
    return (node.is_relay, node.nat, families, node.underlay, node.direct)


def _lan_kind(node: NodeSpec) -> Kind:
    return (*_public_kind(node), node.lan_endpoint is not None)


def _off_site(node: NodeSpec) -> NodeSpec:
    """The node as the internet sees it."""
    if node.site is None:
        return node
    return replace(node, site=None)


def _edited(row: Row, i: int, edits: Mapping[int, bool] | None) -> Row:
    """The row without the node itself and with the single links added and taken away."""
    if edits:
        kept = {*row, *(j for j, on in edits.items() if on)}
        kept -= {j for j, on in edits.items() if not on}
        row = tuple(sorted(kept))
    at = bisect_left(row, i)
    return row[:at] + row[at + 1 :] if at < len(row) and row[at] == i else row

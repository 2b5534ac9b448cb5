"""Which pairs of nodes talk directly: the value between the spec and routing.

Nodes are numbered in the order of their names, and a node's neighbours are a sorted tuple of
numbers, so that a full mesh of a thousand nodes (499,500 links) is a few megabytes. What a link
looks like (reason, endpoints, keepalive) is computed from the two nodes when it is asked for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping

from meshc.diagnostics import Diagnostics
from meshc.topology.language.spec import LinkSpec, NodeSpec, Spec
from meshc.topology.planner.links.link import Link, directions, make_link
from meshc.topology.planner.links.link_search import find_neighbours
from meshc.topology.planner.links.no_link import explain_no_link
from meshc.topology.planner.links.punching import find_partners, may_be_punched
from meshc.topology.planner.links.standby import ALONE, NO_RELAYS, why_not_healing, with_standby
from meshc.topology.planner.policy.link_policy import EVERYBODY, LinkPolicy
from meshc.values import dataclass, field

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class MeshGraph:
    """The direct links of a network. `overrides` is keyed by (lower, higher) number. `standby` has
    a row for each node where the network heals (see `links.standby`), and is empty elsewhere, as is
    `partners`, with whom a node may find a direct path (see `links.punching`), and `profiles`;
    `rigid` says why an agent that is asked for does not heal."""

    spec: Spec
    names: tuple[str, ...]
    nodes: tuple[NodeSpec, ...]
    relays: tuple[int, ...]
    neighbours: tuple[tuple[int, ...], ...]
    overrides: Mapping[Pair, LinkSpec]
    number: Mapping[str, int] = field(compare=False, repr=False)
    policy: LinkPolicy = field(default=EVERYBODY, compare=False, repr=False)
    standby: tuple[tuple[int, ...], ...] = ()
    partners: tuple[tuple[int, ...], ...] = ()
    profiles: tuple[tuple[int, ...], ...] = ()
    rigid: str = ""

    def adjacent(self, a: int, b: int) -> bool:
        """Whether two nodes, by number, have a direct link."""
        row = self.neighbours[a]
        at = bisect_left(row, b)
        return at < len(row) and row[at] == b

    def linked(self, a: str, b: str) -> bool:
        """Whether two nodes, by name, have a direct link."""
        return self.adjacent(self.number[a], self.number[b])

    def override(self, a: int, b: int) -> LinkSpec | None:
        """What `links:` says about a pair."""
        return self.overrides.get((a, b) if a < b else (b, a)) if self.overrides else None

    def link(self, a: str, b: str) -> Link | None:
        """The direct link seen from `a`, or None."""
        i, j = self.number[a], self.number[b]
        return self.link_of(i, j) if self.adjacent(i, j) else None

    def link_of(self, a: int, b: int) -> Link | None:
        """The link of two adjacent nodes, by number."""
        return make_link(
            self.nodes[a],
            self.nodes[b],
            self.override(a, b),
            preshared_keys=self.spec.network.preshared_keys,
        )

    def links(self) -> Iterator[Link]:
        """Every link once, sorted by both names."""
        for a, row in enumerate(self.neighbours):
            for b in row[bisect_left(row, a) :]:
                link = self.link_of(a, b)
                if link is not None:
                    yield link

    def link_count(self) -> int:
        return sum(map(len, self.neighbours)) // 2

    def why_not(self, a: str, b: str) -> str:
        """One sentence that says why two nodes have no direct link."""
        i, j = self.number[a], self.number[b]
        one, other, override = self.nodes[i], self.nodes[j], self.override(i, j)
        several = len(self.relays) >= NO_RELAYS
        if self.standby and several and one.is_relay != other.is_relay:
            leaf, relay = (other, one) if one.is_relay else (one, other)
            if self.link_of(i, j) is not None:
                return f"{leaf.name} lives with another relay, and with {relay.name} if that dies"
        objection = "" if directions(one, other) is None else self.policy.objection(one, other)
        text = objection or explain_no_link(one, other, override)
        return text + self._of_agents(i, j)

    def _of_agents(self, i: int, j: int) -> str:
        """Whether the agents of a pair may find a direct path, where they look for any."""
        if not self.partners or self.nodes[i].is_relay or self.nodes[j].is_relay:
            return ""
        if j in self.partners[i]:
            return "; their agents try to find a direct path"
        why = may_be_punched(self.nodes, self.overrides, self.policy, i, j)
        return f"; no direct path by agents: {why}" if why else ""


def build_graph(spec: Spec, diagnostics: Diagnostics) -> MeshGraph:
    """Finds every direct link. A `links:` entry that demands an impossible one is an error."""
    names = tuple(sorted(spec.nodes))
    number = {name: i for i, name in enumerate(names)}
    nodes = tuple(spec.nodes[name] for name in names)
    policy = LinkPolicy.of(spec)
    overrides = _overrides(spec, number, nodes, policy, diagnostics)
    neighbours = find_neighbours(nodes, overrides, policy)
    rigid = why_not_healing(nodes, neighbours)
    standby: tuple[tuple[int, ...], ...] = ()
    partners: tuple[tuple[int, ...], ...] = ()
    profiles: tuple[tuple[int, ...], ...] = ()
    if rigid in {"", ALONE}:
        neighbours, standby, profiles = with_standby(nodes, neighbours)
        partners = find_partners(spec, nodes, overrides, policy, neighbours, standby)
        if any(partners):
            rigid = ""
        elif rigid:
            standby = partners = profiles = ()
    return MeshGraph(
        spec=spec,
        names=names,
        nodes=nodes,
        relays=tuple(i for i, node in enumerate(nodes) if node.is_relay),
        neighbours=neighbours,
        overrides=overrides,
        number=number,
        policy=policy,
        standby=standby,
        partners=partners,
        profiles=profiles,
        rigid=rigid,
    )


def _overrides(
    spec: Spec,
    number: Mapping[str, int],
    nodes: tuple[NodeSpec, ...],
    policy: LinkPolicy,
    diagnostics: Diagnostics,
) -> dict[Pair, LinkSpec]:
    """The `links:` section by pair, without the demands that cannot be met."""
    found: dict[Pair, LinkSpec] = {}
    for place, link in enumerate(spec.links):
        if link.a not in number or link.b not in number or link.a == link.b:
            continue  # the language reports unknown names and self-links
        a, b = sorted((number[link.a], number[link.b]))
        if link.direct and make_link(nodes[a], nodes[b], link, preshared_keys=False) is None:
            diagnostics.add(
                "E201",
                f"the direct link between {link.a} and {link.b} is impossible: "
                + explain_no_link(nodes[a], nodes[b], None),
                link.location,
                path=f"links[{place}]",
                hint="give one of them an endpoint that the other can use, or drop the line; "
                "a relay then carries the pair.",
            )
            continue
        objection = policy.objection(nodes[a], nodes[b]) if link.direct else ""
        if objection:
            diagnostics.add(
                "E227",
                f"the direct link between {link.a} and {link.b} must not be: {objection}",
                link.location,
                path=f"links[{place}]",
                hint="drop the line, or allow the two more in `policies:`.",
            )
            continue
        found[a, b] = link
    return dict(sorted(found.items()))

"""The last step of the analysis: graph, routing and allocation become a plan per node.

What one node sees of another is mostly the same for all that look alike, so that the peer
sections of a full mesh are made once per node and shared, not once per link.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from meshc.diagnostics import Diagnostics
from meshc.keys import PublicKey
from meshc.prefixes import InterfaceAddress, Prefix, collapse
from meshc.topology.language.spec import NodeSpec, Spec
from meshc.topology.obligations.access import Access
from meshc.topology.planner.addressing.allocation import Allocation
from meshc.topology.planner.agent_plan import AgentPlan, AgentPlanner
from meshc.topology.planner.allowed_ips.exit_share import hold_mark
from meshc.topology.planner.allowed_ips.peer_prefixes import PeerTables
from meshc.topology.planner.links.link import endpoint_for, is_fixed, is_public
from meshc.topology.planner.links.mesh_graph import MeshGraph
from meshc.topology.planner.mesh_plan import Forwarding, MeshPlan, NodePlan, PeerPlan
from meshc.topology.planner.mtu import node_mtus
from meshc.topology.planner.policy.access_rules import AccessPlanner
from meshc.topology.planner.policy.flow_rules import AccessRules, FamilyRules
from meshc.topology.planner.policy.forwarding import firewall_of, forwarding_of
from meshc.topology.planner.policy.lan_reach import LanReach
from meshc.topology.planner.routing.routing import Routing, build_routing
from meshc.values import dataclass, field
from meshc.wg.endpoint import Endpoint

Sight = tuple[object, ...]
NOBODY: frozenset[int] = frozenset()
_CONTROL = 6


def plan_mesh(
    spec: Spec,
    graph: MeshGraph,
    allocation: Allocation,
    public_keys: Mapping[str, PublicKey],
    epoch: int,
    diagnostics: Diagnostics,
    *,
    routing: Routing | None = None,
) -> MeshPlan:
    """What every node must have. `routing` saves building it again.

    Raises: Refused when a node has no public key, because no peer section can name it.
    """
    for name in graph.names:
        if name not in public_keys:
            diagnostics.add(
                "E352",
                f"{name} has no public key",
                spec.nodes[name].at(),
                hint="give `public_key` for a node that keeps its own key.",
            )
    diagnostics.barrier()
    routing = routing or build_routing(graph, allocation.addresses)
    access = Access.of(spec, allocation.addresses)
    reach = LanReach(access, spec, allocation)
    users = _exit_users(spec, allocation, reach)
    tables = PeerTables(routing, allocation, reach)
    planner = _Planner(graph, tables, allocation, public_keys)
    policies = _policies(access, spec, allocation, users)
    mtus = node_mtus(routing)
    agents = AgentPlanner(graph, public_keys)
    nodes: dict[str, NodePlan] = {}
    for i, (name, node) in enumerate(zip(graph.names, graph.nodes, strict=True)):
        agent = agents.plan(i, tables.home_prefixes)
        peers = planner.peers(i)
        forwarding = forwarding_of(spec, node, mtus, users.get(name, ()))
        nodes[name] = NodePlan(
            spec=node,
            interface=spec.network.interface,
            public_key=public_keys[name],
            addresses=tuple(InterfaceAddress(*p) for p in allocation.addresses[name]),
            listen_port=allocation.ports.get(name),
            mtu=mtus[i],
            peers=peers,
            forwarding=forwarding,
            firewall=_firewall(node, forwarding, peers, spec, policies, agent),
            agent=agent,
            hold_mark=hold_mark(spec, node),
        )
    return MeshPlan(spec=spec, nodes=nodes, epoch=epoch)


def _lans_of_others(spec: Spec, node: NodeSpec) -> tuple[Prefix, ...] | None:
    """For the user of an exit, whose AllowedIPs hold the internet as well."""
    if node.exit is None:
        return None
    return tuple(route for one in spec.nodes.values() if one is not node for route in one.routes)


def _policies(
    access: Access | None, spec: Spec, allocation: Allocation, users: Mapping[str, list[Prefix]]
) -> AccessPlanner | None:
    if access is None:
        return None
    routes = [route for node in spec.nodes.values() for route in node.routes]
    known = collapse([*spec.network.pools, *routes])
    return AccessPlanner(access, allocation.addresses, known, users)


def _firewall(
    node: NodeSpec,
    forwarding: Forwarding,
    peers: tuple[PeerPlan, ...],
    spec: Spec,
    policies: AccessPlanner | None,
    agent: AgentPlan | None,
) -> tuple[FamilyRules, ...]:
    rules = firewall_of(
        forwarding, peers, node.platform, spec.network.pools, _lans_of_others(spec, node)
    )
    if policies is None or not node.filters:
        return rules
    made = {one.family: one for one in rules}
    control = agent.spoken_to if agent is not None else ()
    # agents talk by IPv6, which is then let in and must be filtered like the rest
    families = policies.families | made.keys() | {one.family for one in control}
    access = {family: policies.rules(node, family) for family in sorted(families)}
    if control:
        access[_CONTROL] = (access[_CONTROL] or AccessRules((), ()))._replace(control=control)
    return tuple(
        made.get(family, FamilyRules(family, (), forwards=False))._replace(access=rules)
        for family, rules in access.items()
    )


def _exit_users(spec: Spec, allocation: Allocation, reach: LanReach) -> dict[str, list[Prefix]]:
    """By exit, what its users may send from: their own addresses and their LANs."""
    users: defaultdict[str, list[Prefix]] = defaultdict(list)
    for name, node in spec.nodes.items():
        if node.exit is not None and reach.online(node):
            own = (InterfaceAddress(*p).host for p in allocation.addresses[name])
            users[node.exit] += [*own, *node.routes]
    return users


@dataclass(slots=True)
class _Planner:
    """Makes peer sections; `rows[sight][j]` is how nodes of one sight see node j."""

    graph: MeshGraph
    tables: PeerTables
    allocation: Allocation
    public_keys: Mapping[str, PublicKey]
    rows: dict[Sight, dict[int, PeerPlan]] = field(default_factory=dict)
    equal: dict[PeerPlan, PeerPlan] = field(default_factory=dict)
    overridden: dict[int, frozenset[int]] = field(init=False)
    lan_sites: frozenset[str | None] = field(init=False)

    def __post_init__(self) -> None:
        pairs: dict[int, set[int]] = defaultdict(set)
        for a, b in self.graph.overrides:
            pairs[a].add(b)
            pairs[b].add(a)
        self.overridden = {i: frozenset(others) for i, others in pairs.items()}
        nodes = self.graph.nodes
        self.lan_sites = frozenset(n.site for n in nodes if n.site and n.lan_endpoint)

    def peers(self, i: int) -> tuple[PeerPlan, ...]:
        """All peer sections of a node, sorted by name."""
        graph = self.graph
        row = self.rows.setdefault(self._sight(graph.nodes[i]), {})
        special = self.tables.special(i)
        singular = self.overridden.get(i, NOBODY)
        near = graph.neighbours[i]
        if not all(map(row.__contains__, near)):
            for j in near:
                if j not in row and j not in singular:
                    row[j] = self._make(i, j)
        if singular:
            peers = [self._make(i, j) if j in singular else row[j] for j in near]
        else:
            peers = list(map(row.__getitem__, near))
        hidden = self.tables.hidden(i)
        if special or any(hidden):
            for at, plan in enumerate(peers):
                j = graph.neighbours[i][at]
                wanted = special.get(j) if j in special else self.tables.visible(j, hidden)
                if wanted is not None and wanted != plan.allowed_ips:
                    changed = plan._replace(allowed_ips=wanted)
                    peers[at] = self.equal.setdefault(changed, changed)
        if graph.standby and graph.standby[i]:
            idle = (self._make(i, j)._replace(allowed_ips=()) for j in graph.standby[i])
            peers = sorted((*peers, *idle), key=lambda peer: peer.name)
        if graph.partners and graph.partners[i]:
            maybe = (self._partner(i, j) for j in graph.partners[i])
            peers = sorted((*peers, *maybe), key=lambda peer: peer.name)
        if graph.profiles and graph.nodes[i].is_relay:
            maybe = (self._partner(i, j) for j in graph.profiles[i])
            peers = sorted((*peers, *maybe), key=lambda peer: peer.name)
        return tuple(peers)

    def _sight(self, node: NodeSpec) -> Sight:
        """All that decides how a node sees its neighbours, apart from `links:`."""
        own = tuple(
            endpoint_for(node.endpoints, frozenset(families)) is not None
            for families in ((4,), (6,), (4, 6))
        )
        site = node.site if node.site in self.lan_sites else None
        lan = site is not None and node.lan_endpoint is not None
        kind = (node.underlay, is_public(node), is_fixed(node), own)
        return (*kind, site, lan, node.keepalive, node.keepalive_asked, node.managed)

    def _make(self, i: int, j: int) -> PeerPlan:
        link = self.graph.link_of(i, j)
        assert link is not None, "neighbours have a link"
        peer = self.graph.nodes[j]
        return PeerPlan(
            peer.name,
            self.public_keys[peer.name],
            self.tables.own[j],
            self._with_port(peer, link.to_b),
            link.keepalive_a,
            link.preshared,
        )

    def _partner(self, i: int, j: int) -> PeerPlan:
        """A session that agents may begin, or the other with another profile; with the pre-shared
        key of a link."""
        name, said = self.graph.names[j], self.graph.override(i, j)
        preshared = self.graph.spec.network.preshared_keys
        if said is not None and said.preshared_key is not None:
            preshared = bool(said.preshared_key)
        return PeerPlan(name, self.public_keys[name], (), None, None, preshared, maybe=True)

    def _with_port(self, peer: NodeSpec, endpoint: Endpoint | None) -> Endpoint | None:
        """A LAN endpoint without a port is at the port that the peer listens on."""
        if endpoint is None or endpoint.port:
            return endpoint
        port = self.allocation.ports[peer.name]
        assert port is not None, "a node with a LAN endpoint has a port"
        return Endpoint(endpoint.host, port)

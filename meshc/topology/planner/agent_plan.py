"""The agent's plan: what the agent of a node may change at run time, and whom it talks to for that.

In a network with policies that is what its rules let in (`obligations.control_channel`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from meshc.keys import PublicKey
from meshc.prefixes import Prefix
from meshc.topology.language.spec import Nat
from meshc.topology.obligations.control_channel import probe_address
from meshc.topology.planner.links.mesh_graph import MeshGraph
from meshc.topology.planner.routing.relay_rank import global_rank
from meshc.values import dataclass

Owned = Callable[[int, int], tuple[Prefix, ...]]


class AgentNode(NamedTuple):
    """A node that agents talk to."""

    name: str
    public_key: PublicKey
    probe: Prefix


class MovableLeaf(NamedTuple):
    """As a relay knows it: `home` is the relay that it is compiled to live with, `prefixes` are
    its own; `linked` says whether it may live with this relay. One without an `agent` lives where
    its last handshake was."""

    node: AgentNode
    home: str
    prefixes: tuple[Prefix, ...]
    linked: bool
    agent: bool = True


class AgentPartner(NamedTuple):
    """A leaf with which another may find a direct path; `prefixes` are what goes over it then.
    `first`: the node of the plan calls first."""

    node: AgentNode
    prefixes: tuple[Prefix, ...]
    first: bool


@dataclass(frozen=True, slots=True)
class AgentPlan:
    """`relays` are all of them, in the order that the network shares. A leaf has an `order`, its
    compiled home first, `moving`, the prefixes that are on its home, and `partners`; a relay has
    `leaves`."""

    probe: Prefix
    relays: tuple[AgentNode, ...]
    order: tuple[str, ...] = ()
    moving: tuple[Prefix, ...] = ()
    leaves: tuple[MovableLeaf, ...] = ()
    partners: tuple[AgentPartner, ...] = ()

    @property
    def spoken_to(self) -> tuple[Prefix, ...]:
        """The probe addresses of those whose messages it has to hear, sorted."""
        if self.order:
            homes = (relay.probe for relay in self.relays if relay.name in self.order)
            return tuple(sorted((*homes, *(partner.node.probe for partner in self.partners))))
        near = (leaf.node.probe for leaf in self.leaves if leaf.linked and leaf.agent)
        others = (relay.probe for relay in self.relays if relay.probe != self.probe)
        return tuple(sorted((*near, *others))) if self.leaves else ()


class AgentPlanner:
    """Makes the agents' plans of a network that heals; of no other."""

    def __init__(self, graph: MeshGraph, keys: Mapping[str, PublicKey]) -> None:
        self._graph = graph
        ranked = sorted(graph.relays, key=lambda i: global_rank(graph.nodes[i]))
        self._nodes = tuple(
            AgentNode(name, keys[name], probe_address(keys[name])) for name in graph.names
        )
        self._relays = tuple(self._nodes[i] for i in ranked)
        relays = frozenset(graph.relays)
        self._home = {
            i: next(j for j in graph.neighbours[i] if j in relays)
            for i, row in enumerate(graph.standby)
            if (row or graph.partners[i] or graph.profiles[i]) and i not in relays
        }

    def plan(self, i: int, owned: Owned) -> AgentPlan | None:
        """Of one node. `owned(i, j)` are the prefixes that node i has on its peer j."""
        graph = self._graph
        if i in self._home and graph.nodes[i].runs_agent:
            home = self._home[i]
            order = tuple(graph.names[j] for j in (home, *graph.standby[i]))
            partners = tuple(self._partner(i, j, owned) for j in graph.partners[i])
            return AgentPlan(
                self._nodes[i].probe, self._relays, order, owned(i, home), partners=partners
            )
        if not graph.standby or not graph.nodes[i].is_relay:
            return None
        leaves = tuple(
            MovableLeaf(
                self._nodes[leaf],
                graph.names[home],
                owned(i, leaf),
                home == i or leaf in graph.standby[i] or leaf in graph.profiles[i],
                graph.nodes[leaf].runs_agent,
            )
            for leaf, home in self._home.items()
        )
        return AgentPlan(self._nodes[i].probe, self._relays, leaves=leaves)

    def _partner(self, i: int, j: int, owned: Owned) -> AgentPartner:
        """The one whose NAT gives every peer another port calls last: the other must have let it
        in by then."""
        one, other = (
            (self._graph.nodes[k].nat is Nat.SYMMETRIC, self._nodes[k].probe) for k in (i, j)
        )
        return AgentPartner(self._nodes[j], owned(i, j), one < other)

"""The NAT measurement: what the relays see of a node's NAT, and whether two of them could meet.

Every relay sees where a node's packets come from. One port at all of them is a NAT that keeps its
mapping (RFC 4787 calls it endpoint-independent), different ones are a symmetric NAT.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from meshc.deploy.fleet_status import FleetStatus
from meshc.diagnostics import Diagnostics
from meshc.topology.language.spec import Nat, NodeSpec, Spec
from meshc.topology.planner.links.mesh_graph import build_graph
from meshc.topology.planner.links.punching import may_be_punched
from meshc.values import dataclass
from meshc.wg.endpoint import Endpoint

ENOUGH = 2
RECENT = 180.0
"""Seconds since the handshake after which an endpoint may be an old one."""


@dataclass(frozen=True, slots=True)
class NatMeasurement:
    """Of one node: what the file says, and where each relay sees it."""

    name: str
    said: Nat
    seen: Mapping[str, Endpoint]

    @property
    def varies(self) -> bool | None:
        """Whether every peer gets another port; None where too few relays see it."""
        by_host: dict[str, set[int]] = {}
        for end in self.seen.values():
            by_host.setdefault(end.host, set()).add(end.port)
        if any(len(ports) > 1 for ports in by_host.values()):
            return True
        return False if len(self.seen) >= ENOUGH and len(by_host) == 1 else None

    @property
    def kind(self) -> Nat:
        """As the measurement says, else as the file does."""
        if self.varies:
            return Nat.SYMMETRIC
        if self.varies is False and self.said is Nat.SYMMETRIC:
            return Nat.PORT_RESTRICTED
        return self.said

    @property
    def words(self) -> str:
        if not self.seen:
            return "no relay sees it now"
        where = ", ".join(f"{relay} sees {end}" for relay, end in sorted(self.seen.items()))
        if self.varies is None:
            few = "one relay alone cannot tell whether others would see the same port"
            return f"{where}: {few if len(self.seen) < ENOUGH else 'by different addresses'}"
        same = "every peer gets another port (symmetric)" if self.varies else "one port for all"
        return f"{where}: {same}"


@dataclass(frozen=True, slots=True)
class PairMeasurement:
    """Of two: `verdict` is a sentence, `meets` whether a direct path is there or can be."""

    one: NatMeasurement
    other: NatMeasurement
    meets: bool
    verdict: str


def measure_nat(spec: Spec, fleet: FleetStatus, name: str) -> NatMeasurement:
    """From what the relays among those that were asked have said."""
    seen = {
        other: view.endpoint
        for other, view in fleet.seen(name)
        if spec.nodes[other].is_relay
        and view.endpoint is not None
        and view.handshake is not None
        and view.handshake < RECENT
    }
    return NatMeasurement(name, spec.nodes[name].nat, seen)


def measure_pair(spec: Spec, fleet: FleetStatus, a: str, b: str) -> PairMeasurement:
    """Whether these two would find a direct path with the NATs as they are seen."""
    one, other = measure_nat(spec, fleet, a), measure_nat(spec, fleet, b)
    graph = build_graph(spec, Diagnostics())
    i, j = graph.number[a], graph.number[b]
    relays = graph.nodes[i].is_relay or graph.nodes[j].is_relay
    if graph.linked(a, b) or (relays and graph.link_of(i, j) is not None):
        return PairMeasurement(one, other, True, "they have a link of their own in their files")
    state = fleet.nodes[a].direct.get(b, "") if a in fleet.nodes else ""
    if state == "direct":
        return PairMeasurement(one, other, True, "their agents have found a direct path")
    nodes = [_as_measured(node, one, other) for node in graph.nodes]
    why = may_be_punched(nodes, graph.overrides, graph.policy, i, j)
    tried = f"; so far {state}" if state else ""
    if why:
        return PairMeasurement(one, other, False, f"they stay with the relays: {why}{tried}")
    return PairMeasurement(one, other, True, f"their NATs let them meet{tried}")


def _as_measured(node: NodeSpec, *found: NatMeasurement) -> NodeSpec:
    kind = next((one.kind for one in found if one.name == node.name), node.nat)
    return node if kind is node.nat else replace(node, nat=kind)

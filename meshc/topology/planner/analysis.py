"""Spec and lock -> everything that can be known without keys, with all findings."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.topology.language.spec import Spec
from meshc.topology.planner.addressing.allocation import Allocation, allocate
from meshc.topology.planner.addressing.lock_fit import check_lock
from meshc.topology.planner.addressing.lock_text import Lock
from meshc.topology.planner.checks.plan_checks import ADDRESSED_CHECKS, NETWORK_CHECKS
from meshc.topology.planner.links.mesh_graph import MeshGraph, build_graph
from meshc.topology.planner.routing.routing import Routing, build_routing
from meshc.values import dataclass


@dataclass(frozen=True, slots=True)
class Analysis:
    """What `plan_mesh` needs beside the public keys."""

    spec: Spec
    graph: MeshGraph
    routing: Routing
    allocation: Allocation


def analyse(spec: Spec, lock: Lock, diagnostics: Diagnostics) -> Analysis:
    """Links, paths, addresses, and every rule of the network; never raises for a valid spec."""
    check_lock(spec, lock, diagnostics)
    graph = build_graph(spec, diagnostics)
    allocation = allocate(spec, graph, lock, diagnostics)
    routing = build_routing(graph, allocation.addresses)
    for check in NETWORK_CHECKS:
        check(routing, diagnostics)
    for addressed in ADDRESSED_CHECKS:
        addressed(routing, diagnostics, allocation.addresses)
    return Analysis(spec, graph, routing, allocation)

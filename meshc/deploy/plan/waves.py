"""In which order many nodes are deployed: those that most others depend on first."""

from __future__ import annotations

from collections.abc import Iterable

from meshc.topology.planner.mesh_plan import NodePlan


def waves(nodes: Iterable[NodePlan]) -> tuple[tuple[str, ...], ...]:
    """Relays, then gateways (routers of LANs and exits), then leaves, each sorted by name; waves
    without a node are left out. The first of a wave is its canary."""
    found: tuple[list[str], ...] = ([], [], [])
    for node in nodes:
        spec = node.spec
        number = 0 if spec.is_relay else 1 if spec.routes or spec.exit_node else 2
        found[number].append(node.name)
    return tuple(tuple(sorted(wave)) for wave in found if wave)

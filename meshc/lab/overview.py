"""What `meshc lab status` tells: the labs of this user and how their nodes do."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from meshc.errors import NodeError
from meshc.lab.node_jobs import ReadNode
from meshc.lab.world.control import Lab
from meshc.lab.world.jobs import PlacedJob
from meshc.lab.world.lab_state import LabState


def overview(known: LabState, running: Lab | None) -> dict[str, Any]:
    """One lab: {id, file, network, mode, alive, pid, links, nodes: [{name, engine, peers}]}."""
    nodes: list[dict[str, Any]] = []
    if running is not None:
        try:
            nodes = _nodes(known, running)
        except NodeError:
            running = None  # it has ended while it was asked
    return {
        "id": known.id,
        "file": known.file,
        "network": known.network,
        "mode": known.mode,
        "alive": running is not None,
        "pid": known.pid,
        "links": sorted(known.links),
        "nodes": nodes,
    }


def _nodes(known: LabState, running: Lab) -> list[dict[str, Any]]:
    jobs = [PlacedJob(name, ReadNode(known.interface)) for name in sorted(known.nodes)]
    answers = {o.place: o for o in running.run(jobs, parallel=4, timeout=30)}
    nodes = []
    for name, engine in sorted(known.nodes.items()):
        outcome = answers[name]
        missing = {"engine": "", "peers": [], "error": outcome.error}
        found = missing if outcome.error else asdict(outcome.value)
        nodes.append({"name": name, "wanted": engine, **found})
    return nodes

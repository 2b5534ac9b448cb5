"""What `meshc lab status` tells: the labs of this user and how their nodes do."""

from __future__ import annotations

from typing import Any

from meshc.errors import NodeError
from meshc.lab.world.control import Lab
from meshc.lab.world.jobs import Job
from meshc.lab.world.lab_state import LabState

STATUS = "meshc.lab.machines:report_status"


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
    jobs = [Job(name, STATUS, {"interface": known.interface}) for name in sorted(known.nodes)]
    answers = {o.place: o for o in running.run(jobs, parallel=4, timeout=30)}
    nodes = []
    for name, engine in sorted(known.nodes.items()):
        outcome = answers[name]
        found = outcome.result or {"engine": "", "peers": [], "error": outcome.error}
        nodes.append({"name": name, "wanted": engine, **found})
    return nodes

"""The findings of the network rules, as short lines of text."""

from __future__ import annotations

from collections.abc import Callable

from meshc.diagnostics import Diagnostics
from meshc.topology.language.spec import Spec
from meshc.topology.planner.links.mesh_graph import build_graph
from meshc.topology.planner.routing.routing import Routing, build_routing

Check = Callable[[Routing, Diagnostics], None]


def run(check: Check, spec: Spec) -> Diagnostics:
    """What one rule finds. Findings of the graph itself are left out."""
    routing = build_routing(build_graph(spec, Diagnostics()))
    found = Diagnostics()
    check(routing, found)
    assert all(d.hint for d in found), "every finding says what to do"
    return found


def lines(check: Check, spec: Spec) -> list[str]:
    """`line code message` of each finding, in the order of the file."""
    return [
        f"{d.location.line if d.location else '-'} {d.code} {d.message}" for d in run(check, spec)
    ]

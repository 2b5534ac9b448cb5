"""What agents do for a network: nothing, where a relay has none, and what nobody has proven."""

from __future__ import annotations

from dataclasses import replace

from meshc.diagnostics import Diagnostics
from meshc.topology.language.spec import NodeSpec
from meshc.topology.language.wording import quote
from meshc.topology.planner.links.mesh_graph import MeshGraph
from meshc.topology.planner.routing.routing import Routing, build_routing


def check_healing(routing: Routing, diagnostics: Diagnostics) -> None:
    """W224 for agents that cannot take over, I231 for moves that the proof does not walk."""
    graph = routing.graph
    asked = [node for node in graph.nodes if node.agent]
    if not asked:
        return
    first = asked[0]
    path = f"nodes.{first.name}.agent"
    if graph.rigid:
        diagnostics.add(
            "W224",
            f"the agents cannot take over for a dead relay: {graph.rigid}",
            first.at("agent"),
            path=path,
            hint="two relays or more that are linked with each other, and `agent: true` on all of "
            "them and on those who shall move; `network: {agent: true}` says it for everybody.",
        )
        return
    leaves = [i for i, node in enumerate(graph.nodes) if node.runs_agent and not node.is_relay]
    moving = sum(bool(graph.standby[i]) for i in leaves)
    paths = sum(map(len, graph.partners)) // 2
    diagnostics.add(
        "I231",
        f"{_by_themselves(moving, paths)}; proven are the files, not what agents make of them",
        first.at("agent"),
        path=path,
        hint="docs/agent.md says what an agent may change; `meshc lab test --agents --kill "
        f"{graph.names[graph.relays[0]]}` tries it.",
    )
    for i in leaves:
        if not graph.standby[i] and not graph.partners[i]:
            node = graph.nodes[i]
            diagnostics.add(
                "W224",
                f"the agent of {quote(node.name)} has nobody to move it to: {_alone(graph, node)}",
                node.at("agent"),
                path=f"nodes.{node.name}.agent",
                hint="link it with a second relay, use an exit that is none, or say "
                "`agent: false`.",
            )


def with_everybody_at_hand(routing: Routing) -> Routing:
    """The paths of a network that heals, with every session that can carry traffic."""
    graph = routing.graph
    if not graph.standby:
        return routing
    rows = (tuple(sorted({*row, *graph.standby[i]})) for i, row in enumerate(graph.neighbours))
    return build_routing(replace(graph, neighbours=tuple(rows)))


def _by_themselves(moving: int, paths: int) -> str:
    """What agents may do in this network."""
    parts = []
    if moving:
        parts.append(f"{moving} {'node moves' if moving == 1 else 'nodes move'} to another relay")
    if paths:
        found = "pair finds a direct path" if paths == 1 else "pairs find direct paths"
        parts.append(f"{paths} {found}")
    alone = len(parts) == 1 and 1 in {moving, paths}
    return f"{' and '.join(parts)} by {'itself' if alone else 'themselves'}"


def _alone(graph: MeshGraph, node: NodeSpec) -> str:
    if node.exit and node.exit in graph.number and graph.nodes[graph.number[node.exit]].is_relay:
        return f"it stays with its exit {quote(node.exit)}"
    return "it has a link to one relay at most"

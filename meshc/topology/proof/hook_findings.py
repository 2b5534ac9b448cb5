"""Findings about hooks: a command that must fail takes the whole tunnel down."""

from __future__ import annotations

from collections.abc import Iterator

from meshc.diagnostics import Diagnostics, Location
from meshc.topology.proof.peer_table import MeshPeerTable
from meshc.topology.proof.policy_routing import DEFAULT_TABLE
from meshc.topology.proof.policy_rule import MAIN

_MOST = 20


def check_hooks(table: MeshPeerTable, found: Diagnostics) -> None:
    """What the proof cannot judge is told with the packets that meet it, not here."""
    failing = [
        (n, command)
        for n, model in enumerate(table.models)
        for command in (*model.effects.failing, *_wrong_routes(table, n))
    ]
    for n, command in failing[:_MOST]:
        name = table.names[n]
        found.add(
            "E440",
            f"{name}: `{command}` takes the tunnel down as soon as it is up",
            Location(table.files[n], 1, 1),
            path=f"nodes.{name}.post_up",
            hint="wg-quick gives up at the first hook that fails; put what it needs before it",
        )
    if len(failing) > _MOST:
        found.add("E440", f"{len(failing) - _MOST:,} more hooks have the same fault")
    _removals(table, found)


def _removals(table: MeshPeerTable, found: Diagnostics) -> None:
    """A peer that a hook takes away is none, whatever the file says."""
    by_key = {str(model.key): n for n, model in enumerate(table.models) if model.key is not None}
    for n, model in enumerate(table.models):
        part = table.to[int(table.start[n]) : int(table.start[n + 1])]
        for key in model.effects.removed:
            other = by_key.get(key, -1)
            if other in part:
                found.add(
                    "E455",
                    f"{model.name}: a hook takes {table.names[other]} away (`wg set … remove`), "
                    "whom its file lists as a peer",
                    Location(table.files[n], 1, 1),
                    path=f"nodes.{model.name}.post_up",
                    hint="take the hook out, or forbid the link: `links: [{endpoints: [A, B], "
                    "direct: false}]`",
                )


def _wrong_routes(table: MeshPeerTable, node: int) -> Iterator[str]:
    """A route that is there cannot be added, and one that is not cannot be deleted."""
    model = table.models[node]
    if not model.effects.routes:
        return
    place = model.routing.allowed
    part = table.allowed[int(table.start[node]) : int(table.start[node + 1])]
    there = {(MAIN, prefix) for prefix in (*model.connected, *model.facts.lans)}
    for prefix in (prefix for k in part.tolist() for prefix in table.allowed_sets[k]):
        own = place == MAIN and not prefix.length
        there.add((DEFAULT_TABLE if own else place, prefix))
    for step in model.effects.routes:
        route = (step.table, step.prefix)
        if step.required and (route in there) is step.adds:
            yield step.text
        (there.add if step.adds else there.discard)(route)

"""Findings about hooks: a command that must fail takes the whole tunnel down."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics, Location
from meshc.topology.proof.peer_table import MeshPeerTable

_MOST = 20


def check_hooks(table: MeshPeerTable, found: Diagnostics) -> None:
    """What the proof cannot judge is told with the packets that meet it, not here."""
    failing = [
        (n, command) for n, model in enumerate(table.models) for command in model.effects.failing
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

"""Control pairs: whose agents must hear each other, by the sessions of the emitted files.

A leaf that an agent can move has a session that owns no prefix, with another relay or with a leaf
that it may find directly. It talks to its relays and to those leaves; relays talk to each other
wherever there is anybody to move.
"""

from __future__ import annotations

from meshc.prefixes import Prefix
from meshc.topology.obligations.control_channel import probe_address
from meshc.topology.proof.peer_table import MeshPeerTable


def control_pairs(table: MeshPeerTable) -> dict[str, tuple[Prefix, ...]]:
    """By node, the probe addresses of those whose agents it must hear."""
    models = table.models
    facts = [model.facts for model in models]
    empty = [not some for some in table.allowed_sets]
    linked = [
        (one, other, empty[allowed])
        for one, other, allowed in zip(
            table.frm.tolist(), table.to.tolist(), table.allowed.tolist(), strict=True
        )
        if other >= 0 and one != other and facts[one].agent
    ]
    idle = {(one, other) for one, other, nothing in linked if nothing}
    movable = {one for one, other in idle if not facts[one].relay and facts[other].agent}
    healing = bool(movable) or any(facts[one].relay for one, _ in idle)
    found: dict[str, set[Prefix]] = {}
    for one, other, _ in linked:
        if not facts[other].agent:
            continue
        relays = facts[one].relay + facts[other].relay
        if relays == 2:
            talk = healing
        elif relays == 1:
            talk = (other if facts[one].relay else one) in movable
        else:
            talk = (one, other) in idle
        key = models[other].key
        if talk and key is not None:
            found.setdefault(models[one].name, set()).add(probe_address(key))
    return {name: tuple(sorted(some)) for name, some in found.items()}

"""Standby links: sessions between a leaf and relays that it does not live with, without a prefix.

Where the relays run agents, every leaf lives with one of them, its home: all of its traffic goes
there, and the relays hand it on to each other. So where a leaf lives is one fact, which its agent
changes at run time: the session with the next relay is there already, and nobody but that leaf and
the relays has anything to change. A leaf without an agent has its home alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from meshc.topology.language.spec import NodeSpec
from meshc.topology.language.wording import quote
from meshc.topology.planner.routing.home_relay import home_of
from meshc.topology.planner.routing.relay_rank import stable_hash

Row = tuple[int, ...]
NO_RELAYS = 2
ALONE = "there is no second relay"


class Standby(NamedTuple):
    """`neighbours` are the links that packets take as compiled; `standby[i]` are, for a leaf, the
    relays in the order of its preference, for a relay the leaves, that have a session and no
    prefix. `profiles[i]` are the same for leaves without an agent, whose owner may exchange their
    file for one with another relay in it: the relays know them."""

    neighbours: tuple[Row, ...]
    standby: tuple[Row, ...]
    profiles: tuple[Row, ...] = ()


def why_not_healing(nodes: Sequence[NodeSpec], neighbours: Sequence[Row]) -> str:
    """Why no relay takes over for another although some node runs an agent; else empty."""
    if not any(node.runs_agent for node in nodes):
        return "no node runs an agent"
    relays = [i for i, node in enumerate(nodes) if node.is_relay]
    without = next((nodes[i].name for i in relays if not nodes[i].runs_agent), None)
    if without is not None:
        return f"relay {quote(without)} runs none"
    for a, b in combinations(relays, 2):
        if b not in neighbours[a]:
            return f"relays {quote(nodes[a].name)} and {quote(nodes[b].name)} have no link"
    if not any(node.runs_agent and not node.is_relay for node in nodes):
        return "no node but relays runs one"
    return ALONE if len(relays) < NO_RELAYS else ""


def with_standby(nodes: Sequence[NodeSpec], neighbours: Sequence[Row]) -> Standby:
    """The links of a network that heals: of the links between a leaf and relays that with its home
    remains, the others stand by where the leaf runs an agent."""
    number = {node.name: i for i, node in enumerate(nodes)}
    relays = frozenset(i for i, node in enumerate(nodes) if node.is_relay)
    dropped: dict[int, set[int]] = {}
    standby: dict[int, list[int]] = {}
    profiles: dict[int, list[int]] = {}
    for i, node in enumerate(nodes):
        near = [j for j in neighbours[i] if j in relays]
        if i in relays or len(near) < NO_RELAYS:
            continue
        home = _home(node, [nodes[j] for j in near])
        for j in near:
            if nodes[j].name != home:
                dropped.setdefault(i, set()).add(j)
                dropped.setdefault(j, set()).add(i)
        if _exit_is_relay(node, nodes, number):
            continue
        rows = standby if node.runs_agent else profiles
        if node.runs_agent or node.managed:
            others = (j for j in near if nodes[j].name != home)
            rows[i] = sorted(others, key=lambda j: _preference(node, nodes[j]))
            for j in rows[i]:
                rows.setdefault(j, []).append(i)
    left = (
        tuple(j for j in row if j not in dropped.get(i, ())) for i, row in enumerate(neighbours)
    )
    shared: dict[Row, Row] = {}
    kept = tuple(shared.setdefault(row, row) for row in left)
    idle, known = (
        tuple(tuple(some.get(i, ())) for i in range(len(nodes))) for some in (standby, profiles)
    )
    return Standby(kept, idle, known)


def _exit_is_relay(node: NodeSpec, nodes: Sequence[NodeSpec], number: dict[str, int]) -> bool:
    """Who uses a relay as its exit stays with it: the answers of the internet come from there."""
    through = number.get(node.exit or "")
    return through is not None and nodes[through].is_relay


def _home(node: NodeSpec, near: Sequence[NodeSpec]) -> str:
    names = [relay.name for relay in near]
    if node.exit in names:
        return str(node.exit)
    home = home_of(node.name, node.via, names)
    assert home is not None, "there are relays near"
    return home.relay


def _preference(node: NodeSpec, relay: NodeSpec) -> tuple[int, int, str]:
    """`via` first, then a hash of both names, so that the leaves of a dead relay spread."""
    via = node.via.index(relay.name) if relay.name in node.via else len(node.via)
    return via, -stable_hash("home", node.name, relay.name), relay.name

"""A network that heals, for tests: two relays, two leaves with agents and a phone without."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

from meshc.agent.compiled_roster import CompiledRoster, number_of, read_roster
from meshc.render.agent_section import agent_section
from meshc.topology.language.spec import Nat, NodeSpec, Platform
from meshc.topology.obligations.control_channel import probe_address
from meshc.topology.planner.mesh_plan import MeshPlan
from meshc.wg.device_values import DeviceState, PeerState
from tests.support import specs


def leaf(name: str, **more: object) -> NodeSpec:
    return specs.node(name, nat=Nat.SYMMETRIC, **{"agent": True, **more})


def nodes() -> list[NodeSpec]:
    relays = [
        specs.node(name, relay=True, endpoint=f"{name}.example", agent=True)
        for name in ("r1", "r2")
    ]
    return [
        *relays,
        leaf("a", via=("r1", "r2"), routes="192.168.7.0/24"),
        leaf("b", via=("r2", "r1")),
        leaf("phone", via=("r1",), platform=Platform.IOS, agent=False),
    ]


@cache
def healing_plan() -> MeshPlan:
    return specs.plan(specs.spec(nodes()))


@cache
def punching_plan() -> MeshPlan:
    """The same, with NATs that let `a` and `b` meet."""
    found = [replace(n, nat=Nat.PORT_RESTRICTED) if n.name in "ab" else n for n in nodes()]
    return specs.plan(specs.spec(found))


def compiled(name: str, directory: Path, plan: MeshPlan | None = None) -> CompiledRoster:
    """What the agent of a node reads."""
    agent = (plan or healing_plan()).nodes[name].agent
    assert agent is not None
    (directory / "node.json").write_text(
        json.dumps({"interface": "wg0", "agent": agent_section(agent)})
    )
    found = read_roster(directory / "wg0.conf")
    assert found is not None
    return found


def number(name: str) -> int:
    """Of a node, for its agents."""
    return number_of(probe_address(healing_plan().nodes[name].public_key))


def device(name: str, plan: MeshPlan | None = None) -> DeviceState:
    """As the file of a node makes it."""
    return DeviceState(
        peers=tuple(
            PeerState(peer.public_key, allowed_ips=peer.allowed_ips)
            for peer in (plan or healing_plan()).nodes[name].peers
        )
    )

"""The agent's section of node.json: its plan, as the agent reads it. Nothing in it is secret."""

from __future__ import annotations

from typing import Any

from meshc.topology.planner.agent_plan import AgentNode, AgentPartner, AgentPlan, MovableLeaf


def agent_section(plan: AgentPlan) -> dict[str, Any]:
    """What `meshc.agent.compiled_roster` reads."""
    section: dict[str, Any] = {
        "probe": plan.probe.address,
        "relays": [_node(relay) for relay in plan.relays],
    }
    if plan.order:
        section["order"] = list(plan.order)
        section["moving"] = [str(prefix) for prefix in plan.moving]
        if plan.partners:
            section["partners"] = [_partner(partner) for partner in plan.partners]
    else:
        section["leaves"] = [_leaf(leaf) for leaf in plan.leaves]
    return section


def _node(node: AgentNode) -> dict[str, str]:
    return {
        "name": node.name,
        "public_key": str(node.public_key),
        "probe": node.probe.address,
    }


def _leaf(leaf: MovableLeaf) -> dict[str, Any]:
    return {
        **_node(leaf.node),
        "home": leaf.home,
        "prefixes": [str(prefix) for prefix in leaf.prefixes],
        "linked": leaf.linked,
        **({} if leaf.agent else {"agent": False}),
    }


def _partner(partner: AgentPartner) -> dict[str, Any]:
    return {
        **_node(partner.node),
        "prefixes": [str(prefix) for prefix in partner.prefixes],
        "first": partner.first,
    }

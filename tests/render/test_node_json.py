"""node.json: valid JSON with the facts of the plan."""

from __future__ import annotations

import json

from meshc.render.node_json import FactsRenderer
from meshc.render.wgquick import render
from meshc.topology.planner.mesh_plan import MeshPlan
from meshc.wg.conf import parse
from tests.support.keyed_plans import secrets_of, small_plan


def facts(plan: MeshPlan, name: str) -> dict[str, object]:
    data: dict[str, object] = json.loads(FactsRenderer(plan).render(plan.nodes[name]))
    return data


def test_facts_of_a_relay() -> None:
    plan = small_plan()
    data = facts(plan, "hub")
    assert (data["name"], data["network"], data["domain"]) == ("hub", "testnet", None)
    assert data["addresses"] == ["10.44.0.1/32", "fd44::1/128"]
    assert (data["listen_port"], data["mtu"]) == (51820, 1420)


def test_generated_hooks_are_lines_of_the_file() -> None:
    plan = small_plan()
    conf = parse(render(plan, plan.nodes["hub"], secrets_of(plan)))
    lines = {*conf.pre_up, *conf.post_up, *conf.pre_down, *conf.post_down}
    assert set(facts(plan, "hub")["generated_hooks"]) == lines  # type: ignore[call-overload]
    assert facts(plan, "laptop")["generated_hooks"] == []

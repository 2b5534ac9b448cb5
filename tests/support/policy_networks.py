"""Networks with policies, from text or a tree to what the planner makes of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import yaml

from meshc.diagnostics import Diagnostics
from meshc.keystore.ring import made_up
from meshc.topology.language.load import load_spec
from meshc.topology.language.spec import Spec
from meshc.topology.planner.addressing.lock_text import Lock
from meshc.topology.planner.analysis import Analysis, analyse
from meshc.topology.planner.mesh_plan import MeshPlan
from meshc.topology.planner.planning import plan_mesh
from tests.support.policy_oracle import Oracle


class PolicyNetwork(NamedTuple):
    spec: Spec
    analysis: Analysis
    plan: MeshPlan
    oracle: Oracle
    findings: Diagnostics


def policy_network(source: str | dict[str, Any]) -> PolicyNetwork:
    """Raises: Refused where the network is."""
    text = source if isinstance(source, str) else yaml.safe_dump(source)
    found = Diagnostics()
    spec = load_spec(text, file="mesh.yaml", diagnostics=found)
    found.barrier()
    assert spec is not None
    analysis = analyse(spec, Lock(), found)
    found.barrier()
    keys = made_up(spec, Lock()).public
    plan = plan_mesh(spec, analysis.graph, analysis.allocation, keys, 1, found,
                     routing=analysis.routing)  # fmt: skip
    addresses = {
        name: [prefix.address for prefix in prefixes]
        for name, prefixes in analysis.allocation.addresses.items()
    }
    return PolicyNetwork(spec, analysis, plan, Oracle(yaml.safe_load(text), addresses), found)

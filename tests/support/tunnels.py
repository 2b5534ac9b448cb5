"""Tunnels on their way into an output, of a network that was planned."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from meshc.diagnostics import Diagnostics
from meshc.keys import NetworkSecret
from meshc.render.node_secrets import Secrets
from meshc.render.outputs.tunnel import Tunnel, tunnel_of
from meshc.render.wgquick import render
from meshc.secret import SecretText
from meshc.topology.language.load import load_spec
from meshc.topology.planner.mesh_plan import MeshPlan
from tests.support import specs
from tests.support.wire import private_key

_TOPOLOGY = """\
meshc: 1
network: {name: field, addresses: [10.44.0.0/24, "fd44::/64"], domain: field.dev}
nodes:
  hub: {role: relay, endpoint: 9.9.9.9, exit_node: true}
  laptop: {exit: hub, dns: [10.44.0.1, 1.1.1.1]}
  desk: {}
"""


@cache
def _plan() -> MeshPlan:
    found = Diagnostics()
    spec = load_spec(_TOPOLOGY, file="mesh.yaml", diagnostics=found)
    assert spec is not None, list(found)
    return specs.plan(spec)


def tunnel(name: str, *, interface: str = "wg0", **keys: Any) -> Tunnel:
    """The hub is a relay and an exit, the laptop its user, the desk neither. `keys` change the
    node's spec."""
    plan = _plan()
    old = plan.nodes[name]
    node = replace(old, spec=replace(old.spec, **keys), interface=interface)
    private = {} if "private_key_file" in keys else {name: private_key(name)}
    secrets = Secrets(private, NetworkSecret(b"n" * 32))
    return tunnel_of(plan, node, secrets, SecretText(render(plan, node, secrets)))

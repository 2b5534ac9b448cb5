"""`node.json`: what a machine may want to know about its node beside the wg-quick file.

Nothing in it is secret. It changes only when the node's own file changes, so it lists no paths to
other nodes (`meshc explain` tells those from the whole network); where an agent runs, it holds what
that may change as well. The names of its peers stand in
the file itself, as comments; with a domain they end in it.
"""

from __future__ import annotations

import json

from meshc.render.agent_section import agent_section
from meshc.render.firewall.hook_lines import Hooks
from meshc.render.wgquick import generated_hooks
from meshc.topology.planner.mesh_plan import MeshPlan, NodePlan

FORMAT = 1


class FactsRenderer:
    """Renders the nodes of one plan."""

    def __init__(self, plan: MeshPlan) -> None:
        network = plan.spec.network
        self._pools = network.pools
        self._network = (
            f'  "network": {json.dumps(network.name)},\n  "domain": {json.dumps(network.domain)},\n'
        )

    def render(self, node: NodePlan, generated: Hooks | None = None) -> str:
        """One JSON object, stable in order, one field a line; `generated` are its
        `generated_hooks`, where they are known."""
        hooks = (generated or generated_hooks(node, self._pools)).lines
        port = "null" if node.listen_port is None else node.listen_port
        addresses = ", ".join([f'"{address}"' for address in node.addresses])
        # the alphabets of these need no escaping
        fields = (
            f'  "name": "{node.name}",\n'
            f'  "interface": "{node.interface}",\n'
            f'  "platform": "{node.spec.platform.value}",\n'
            f'  "public_key": "{node.public_key}",\n'
            f'  "addresses": [{addresses}],\n'
            f'  "listen_port": {port},\n'
            f'  "mtu": {node.mtu},\n'
        )
        own = f'  "generated_hooks": {json.dumps(list(hooks))}'
        if node.agent is not None:
            own += f',\n  "agent": {json.dumps(agent_section(node.agent))}'
        return f'{{\n  "meshc": {FORMAT},\n{self._network}{fields}{own}\n}}\n'

"""The hosts(5) file of a network: one line per node and address."""

from __future__ import annotations

from meshc.render.wgquick import full_name
from meshc.topology.planner.mesh_plan import MeshPlan


def render(plan: MeshPlan) -> str:
    """`10.44.0.5  laptop.example-vpn.dev laptop`, sorted by name, IPv4 before IPv6.

    A name at which a node is reached from outside is left out: /etc/hosts comes before DNS, and
    an endpoint must not lead into its own tunnel.
    """
    network = plan.spec.network
    outside = {e.host.lower() for node in plan.spec.nodes.values() for e in node.endpoints}
    rows = []
    for name, node in sorted(plan.nodes.items()):
        names = dict.fromkeys((full_name(name, network), name))
        inside = [word for word in names if word.lower() not in outside]
        if inside:
            rows += [(address.address, " ".join(inside)) for address in sorted(node.addresses)]
    width = max((len(address) for address, _ in rows), default=0)
    head = f"# Nodes of {network.name}. Append to /etc/hosts.\n"
    return head + "".join(f"{address:<{width}}  {names}\n" for address, names in rows)

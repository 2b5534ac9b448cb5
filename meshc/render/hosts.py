"""The hosts(5) file of a network: one line per node and address."""

from __future__ import annotations

from meshc.render.wgquick import full_name
from meshc.topology.plan import MeshPlan


def render(plan: MeshPlan) -> str:
    """`10.44.0.5  laptop.example-vpn.dev laptop`, sorted by name, IPv4 before IPv6."""
    network = plan.spec.network
    rows = [
        (address.address, _names(full_name(name, network), name))
        for name, node in sorted(plan.nodes.items())
        for address in sorted(node.addresses)
    ]
    width = max((len(address) for address, _ in rows), default=0)
    head = f"# Nodes of {network.name}. Append to /etc/hosts.\n"
    return head + "".join(f"{address:<{width}}  {names}\n" for address, names in rows)


def _names(full: str, short: str) -> str:
    return full if full == short else f"{full} {short}"

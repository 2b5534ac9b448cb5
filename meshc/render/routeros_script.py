"""The script of a MikroTik router: its interface, peers, routes and firewall for RouterOS 7.

It is safe to run again: it removes what it made before. The wg-quick file beside it says the same
of interface and peers, for those who want to read it.
"""

from __future__ import annotations

from meshc.render.firewall import routeros as dialect
from meshc.render.node_secrets import Secrets
from meshc.render.router_peers import router_peers
from meshc.render.templates import conf_template
from meshc.topology.planner.mesh_plan import MeshPlan, NodePlan


def routeros(plan: MeshPlan, node: NodePlan, secrets: Secrets) -> str:
    """A RouterOS script. Raises: Refused for a value that has no place in one."""
    key = secrets.private_keys.get(node.name)
    prefixes = sorted({prefix for peer in node.peers for prefix in peer.allowed_ips})
    menu = dialect.MENU
    return conf_template("routeros.rsc.j2")(
        name=node.name,
        network=plan.spec.network.name,
        interface=node.interface,
        mark=dialect.mark(node.interface),
        menus=[f"{menu[f]}/firewall/{table}" for table in dialect.TABLES for f in menu],
        private_key=key.reveal() if key else None,
        listen_port=node.listen_port,
        mtu=node.mtu,
        addresses=[{"menu": menu[a.family], "text": str(a)} for a in node.addresses],
        peers=list(router_peers(plan, node, secrets)),
        routes=[
            {"menu": menu[p.family], "text": str(p)}
            for p in prefixes
            # a default route needs one to the endpoint first, which only the router knows
            if p.length and node.spec.table != "off"
        ],
        firewall=list(dialect.commands(node.interface, node.listen_port, node.firewall)),
    )

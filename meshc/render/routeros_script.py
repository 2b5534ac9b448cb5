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
    routed = [] if node.spec.table == "off" else prefixes
    defaults = [prefix for prefix in routed if not prefix.length]
    menu = dialect.MENU
    # a default route is kept from WireGuard's own packets by their port, which must be known then
    port = node.listen_port
    if port is None and defaults:
        port = plan.spec.network.listen_port
    return conf_template("routeros.rsc.j2")(
        name=node.name,
        network=plan.spec.network.name,
        interface=node.interface,
        mark=dialect.mark(node.interface),
        menus=[f"{menu[f]}/firewall/{table}" for table in dialect.CLEARED for f in menu],
        private_key=key.reveal() if key else None,
        listen_port=port,
        mtu=node.mtu,
        addresses=[{"menu": menu[a.family], "text": str(a)} for a in node.addresses],
        peers=list(router_peers(plan, node, secrets)),
        routes=[{"menu": menu[p.family], "text": str(p)} for p in routed if p.length],
        defaults=[{"menu": menu[p.family], "text": str(p)} for p in defaults],
        root_menus=list(menu.values()),
        default_table=f"meshc-{node.interface}",
        outside_table=f"meshc-{node.interface}-outside",
        firewall=list(dialect.commands(node.interface, node.listen_port, node.firewall)),
    )

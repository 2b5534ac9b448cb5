"""The script of an OpenWrt router: its interface, peers and firewall as uci commands.

It is safe to run again: it removes what it made before. The wg-quick file beside it says the same
of interface and peers, for those who want to read it.
"""

from __future__ import annotations

from meshc.render.escape import shell
from meshc.render.firewall import uci
from meshc.render.name_servers import is_address, name_servers
from meshc.render.node_secrets import Secrets
from meshc.render.router_peers import router_peers
from meshc.render.templates import conf_template
from meshc.topology.planner.mesh_plan import MeshPlan, NodePlan


def openwrt(plan: MeshPlan, node: NodePlan, secrets: Secrets) -> str:
    """A shell script of uci commands. Raises: Refused for a value that has no place in one."""
    spec, servers = node.spec, name_servers(plan, node)
    key = secrets.private_keys.get(node.name)
    key_from = spec.private_key_command
    if spec.private_key_file is not None:
        key_from = f"cat {shell(spec.private_key_file)}"
    return conf_template("openwrt.sh.j2")(
        name=node.name,
        network=plan.spec.network.name,
        interface=node.interface,
        section=uci.section_name(node.interface),
        private_key=key.reveal() if key else None,
        key_from=key_from,
        listen_port=node.listen_port,
        fwmark=spec.fwmark,
        mtu=node.mtu,
        addresses=node.addresses,
        dns=[word for word in servers if is_address(word)],
        search=[word for word in servers if not is_address(word)],
        peers=list(router_peers(plan, node, secrets)),
        route_allowed_ips=0 if spec.table == "off" else 1,
        firewall=list(uci.settings(node.interface, node.listen_port, node.firewall)),
        policies=list(uci.policy_lines(node.interface, node.firewall)),
        policy_file=uci.policy_file(node.interface),
    )

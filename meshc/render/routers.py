"""Scripts for routers that have no wg-quick: OpenWrt (uci) and MikroTik RouterOS 7.

Both are safe to run again: they remove what they made before. The wg-quick file beside them says
the same and is what the proof reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from meshc.keys import LinkKeys
from meshc.prefixes import Prefix
from meshc.render.escape import routeros_word, shell
from meshc.render.firewall.iptables import sources
from meshc.render.node_secrets import Secrets
from meshc.render.templates import conf_template
from meshc.secret import SecretText
from meshc.topology.planner.mesh_plan import MeshPlan, NodePlan
from meshc.values import dataclass
from meshc.wg.endpoint import Endpoint

ZONE_LENGTH = 11  # of a firewall zone's name in OpenWrt
_MENU = {4: "/ip", 6: "/ipv6"}


@dataclass(frozen=True, slots=True)
class PeerFields:
    """What both templates print of a peer."""

    name: str
    public_key: str
    preshared_key: SecretText | None
    allowed_ips: tuple[Prefix, ...]
    endpoint: Endpoint | None
    keepalive: int | None


@dataclass(frozen=True, slots=True)
class Nat:
    """One masquerade rule: for what comes from `source` and leaves through `zone`."""

    family: str
    zone: str
    source: Prefix
    target: Prefix | None


def openwrt(plan: MeshPlan, node: NodePlan, secrets: Secrets) -> str:
    """A shell script of uci commands. Raises: Refused for a value that has no place in one."""
    spec, forwarding = node.spec, node.forwarding
    section = re.sub("[^A-Za-z0-9_]", "_", node.interface)
    zone = section[:ZONE_LENGTH]
    forwardings = []
    if forwarding.lans:
        forwardings += [("lan", zone, "lan"), ("back", "lan", zone)]
    if forwarding.exit:
        forwardings += [("wan", zone, "wan")]
    key = secrets.private_keys.get(node.name)
    key_from = spec.private_key_command
    if spec.private_key_file is not None:
        key_from = f"cat {shell(spec.private_key_file)}"
    return conf_template("openwrt.sh.j2")(
        name=node.name,
        network=plan.spec.network.name,
        interface=node.interface,
        section=section,
        zone=zone,
        private_key=key.reveal() if key else None,
        key_from=key_from,
        listen_port=node.listen_port,
        fwmark=spec.fwmark,
        mtu=node.mtu,
        addresses=node.addresses,
        dns=spec.dns,
        peers=list(_peers(plan, node, secrets)),
        route_allowed_ips=0 if spec.table == "off" else 1,
        relay=forwarding.relay,
        clamp_mss=forwarding.clamp_mss,
        forwardings=forwardings,
        nats=list(_nats(node)) if forwarding.needed else [],
    )


def routeros(plan: MeshPlan, node: NodePlan, secrets: Secrets) -> str:
    """A RouterOS script. Raises: Refused for a value that has no place in one."""
    key = secrets.private_keys.get(node.name)
    prefixes = sorted({prefix for peer in node.peers for prefix in peer.allowed_ips})
    return conf_template("routeros.rsc.j2")(
        name=node.name,
        network=plan.spec.network.name,
        interface=node.interface,
        mark=f"meshc {node.interface}",
        private_key=key.reveal() if key else None,
        listen_port=node.listen_port,
        mtu=node.mtu,
        addresses=[{"menu": _MENU[a.family], "text": str(a)} for a in node.addresses],
        peers=list(_peers(plan, node, secrets)),
        routes=[
            {"menu": _MENU[p.family], "text": str(p)}
            for p in prefixes
            # a default route needs one to the endpoint first, which only the router knows
            if p.length and node.spec.table != "off"
        ],
        rules=list(_routeros_rules(node)),
    )


def _peers(plan: MeshPlan, node: NodePlan, secrets: Secrets) -> Iterator[PeerFields]:
    derive = None
    if secrets.network is not None:
        derive = LinkKeys(secrets.network, plan.epoch).of(node.public_key.encode())
    for peer in node.peers:
        wanted = peer.preshared and plan.spec.network.preshared_keys
        assert derive is not None or not wanted, "pre-shared keys need the network secret"
        key = derive(peer.public_key.encode()) if derive and wanted else None
        psk = SecretText(key.decode()) if key else None
        yield PeerFields(
            peer.name, peer.public_key, psk, peer.allowed_ips, peer.endpoint, peer.keepalive
        )


def _nats(node: NodePlan) -> Iterator[Nat]:
    """Sources are hidden towards LANs unless they are to stay visible, and always towards the
    internet: OpenWrt does so for IPv4 by itself, and not for IPv6."""
    forwarding = node.forwarding
    for origin in sources(node):
        family = f"ipv{origin.family}"
        for lan in forwarding.lans if forwarding.masquerade else ():
            if lan.family == origin.family and not lan.contains(origin):
                yield Nat(family, "lan", origin, lan)
        if forwarding.exit:
            yield Nat(family, "wan", origin, None)


def _routeros_rules(node: NodePlan) -> Iterator[str]:
    """Accept rules go to the top of their chain: the usual configuration ends with a drop."""
    forwarding, wire = node.forwarding, routeros_word(node.interface)
    mark = "comment=" + routeros_word(f"meshc {node.interface}")
    for family, menu in _MENU.items():
        filters = []
        if node.listen_port is not None:
            filters += [f"chain=input protocol=udp dst-port={node.listen_port}"]
        if forwarding.relay:
            filters += [f"chain=forward in-interface={wire} out-interface={wire}"]
        for lan in forwarding.lans:
            if lan.family == family:
                filters += [
                    f"chain=forward in-interface={wire} dst-address={lan}",
                    f"chain=forward out-interface={wire} src-address={lan}",
                ]
        if forwarding.exit:
            filters += [f"chain=forward in-interface={wire} out-interface=!{wire}"]
        for rule in filters:
            yield f"{menu}/firewall/filter/add action=accept {rule} {mark}"
        if filters:
            yield f"{menu}/firewall/filter/move [find {mark}] destination=0"
        for nat in _nats(node) if forwarding.needed else ():
            if nat.family == f"ipv{family}":
                to = f"dst-address={nat.target}" if nat.target else f"out-interface=!{wire}"
                yield (
                    f"{menu}/firewall/nat/add action=masquerade chain=srcnat"
                    f" src-address={nat.source} {to} {mark}"
                )

"""Hand-made plans: outputs are tested without the planner."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from meshc.keys import NetworkSecret, PrivateKey, clamp
from meshc.prefixes import InterfaceAddress, Prefix
from meshc.render.artifact import Artifact
from meshc.render.node_files import MeshRenderer
from meshc.render.node_secrets import Secrets
from meshc.topology.language.spec import NetworkSpec, NodeSpec, Platform, Role, Spec
from meshc.topology.planner.mesh_plan import Forwarding, MeshPlan, NodePlan, PeerPlan
from meshc.topology.planner.policy.forwarding import firewall_of
from meshc.wg.endpoint import Endpoint

POOLS = (Prefix.parse("10.44.0.0/16"), Prefix.parse("fd44::/64"))


def private_key(name: str) -> PrivateKey:
    """A key that depends on the name alone."""
    return PrivateKey(clamp(hashlib.sha256(name.encode()).digest()))


def addresses(number: int) -> tuple[InterfaceAddress, ...]:
    return (
        InterfaceAddress(4, POOLS[0].value + number, 32),
        InterfaceAddress(6, POOLS[1].value + number, 128),
    )


def mesh_plan(*nodes: NodePlan, domain: str | None = None, epoch: int = 1) -> MeshPlan:
    network = NetworkSpec(name="testnet", pools=POOLS, domain=domain)
    table = {node.name: node for node in sorted(nodes, key=lambda node: node.name)}
    spec = Spec(
        network=network,
        nodes={name: node.spec for name, node in table.items()},
        sites={},
        groups={},
        file="mesh.yaml",
    )
    return MeshPlan(spec=spec, nodes=table, epoch=epoch)


def secrets_of(plan: MeshPlan) -> Secrets:
    keys = {
        name: private_key(name)
        for name, node in plan.nodes.items()
        if node.spec.managed and node.spec.public_key is None
    }
    return Secrets(keys, NetworkSecret(hashlib.sha256(b"network").digest()))


def artifacts(plan: MeshPlan, secrets: Secrets) -> Iterator[Artifact]:
    """Every file but the manifest, sorted by node."""
    renderer = MeshRenderer(plan, secrets)
    for node in plan.nodes.values():
        yield from renderer.node(node)
    yield renderer.hosts()


def full_mesh(count: int) -> MeshPlan:
    """`count` public nodes; peer sections are shared as the planner shares them."""
    names = [f"node{number:04d}" for number in range(1, count + 1)]
    peers = {}
    for number, name in enumerate(names, 1):
        host = f"198.51.{number // 250}.{number % 250 + 1}"
        peers[name] = PeerPlan(
            name,
            private_key(name).public_key(),
            tuple(address.host for address in addresses(number)),
            Endpoint(host, 51820),
            None,
            True,
        )
    nodes = [
        NodePlan(
            spec=NodeSpec(name=name, endpoints=(endpoint,) if endpoint else ()),
            interface="wg0",
            public_key=peers[name].public_key,
            addresses=addresses(number),
            listen_port=51820,
            mtu=1420,
            peers=tuple(peers[other] for other in names if other != name),
        )
        for number, name in enumerate(names, 1)
        for endpoint in [peers[name].endpoint]
    ]
    return mesh_plan(*nodes)


def small_plan(**hub: object) -> MeshPlan:
    """A relay, a laptop and a phone behind it; keywords change fields of the relay's plan."""
    pub = {name: private_key(name).public_key() for name in ("hub", "laptop", "phone")}
    hub_peer = PeerPlan("hub", pub["hub"], POOLS, Endpoint("hub.example.dev", 51820), 25, True)
    leaf_hosts = {
        "laptop": tuple(address.host for address in addresses(2)),
        "phone": tuple(address.host for address in addresses(3)),
    }
    relay = NodePlan(
        spec=NodeSpec(name="hub", role=Role.RELAY),
        interface="wg0",
        public_key=pub["hub"],
        addresses=addresses(1),
        listen_port=51820,
        mtu=1420,
        peers=tuple(
            PeerPlan(name, pub[name], hosts, None, None, True) for name, hosts in leaf_hosts.items()
        ),
        forwarding=Forwarding(families=(4, 6), pools=POOLS, relay=True),
    )
    leaves = [
        NodePlan(
            spec=NodeSpec(name=name, platform=platform),
            interface="wg0",
            public_key=pub[name],
            addresses=addresses(number),
            listen_port=None,
            mtu=1420,
            peers=(hub_peer,),
        )
        for number, (name, platform) in enumerate(
            [("laptop", Platform.LINUX), ("phone", Platform.IOS)], 2
        )
    ]
    return mesh_plan(governed(replace(relay, **hub)), *leaves)  # type: ignore[arg-type]


def governed(node: NodePlan) -> NodePlan:
    """The node with the rules that its forwarding, peers and platform ask for."""
    rules = firewall_of(node.forwarding, node.peers, node.spec.platform, POOLS)
    return replace(node, firewall=rules)

"""Plans made by hand, so that what comes after the planner is tested without it."""

from __future__ import annotations

from meshc.keys import PublicKey, encode
from meshc.prefixes import InterfaceAddress, Prefix
from meshc.topology.language.spec import Nat, NetworkSpec, NodeSpec, Platform, Role, SiteSpec, Spec
from meshc.topology.planner.mesh_plan import Forwarding, MeshPlan, NodePlan, PeerPlan
from meshc.wg.endpoint import Endpoint

POOL = Prefix.parse("10.0.44.0/24")


def public_key(number: int) -> PublicKey:
    """A well-formed public key that belongs to nobody."""
    return PublicKey(encode(number.to_bytes(32, "big")))


def _star_spec() -> Spec:
    """Who is in `star`, and where."""
    specs = {
        spec.name: spec
        for spec in (
            NodeSpec(name="home-server", site="home", nat=Nat.PORT_RESTRICTED),
            NodeSpec(name="laptop", site="cafe", nat=Nat.PORT_RESTRICTED),
            NodeSpec(name="phone", nat=Nat.SYMMETRIC, platform=Platform.IOS),
            NodeSpec(
                name="public-server1",
                role=Role.RELAY,
                endpoints=(Endpoint("public-server1.example-vpn.dev", 51820),),
            ),
            NodeSpec(
                name="public-server2",
                endpoints=(Endpoint("public-server2.example-vpn.dev", 51820),),
            ),
        )
    }
    return Spec(
        network=NetworkSpec(name="example-vpn", pools=(POOL,)),
        nodes=specs,
        sites={
            "cafe": SiteSpec("cafe", Nat.PORT_RESTRICTED),
            "home": SiteSpec("home", Nat.PORT_RESTRICTED),
        },
        groups={},
    )


def star() -> MeshPlan:
    """The main example: a relay, a public server and three nodes behind NATs."""
    spec = _star_spec()
    specs = spec.nodes
    numbers = {name: 10 + i for i, name in enumerate(specs)}
    relay, server = "public-server1", "public-server2"
    nodes = {}
    for name, node in specs.items():
        others = [other for other in specs if other != name]
        hidden = not node.endpoints
        if hidden:
            others = [relay, server]
        nodes[name] = NodePlan(
            spec=node,
            interface="wg0",
            public_key=public_key(numbers[name]),
            addresses=(InterfaceAddress(4, POOL.value + numbers[name], 32),),
            listen_port=51820 if node.endpoints else None,
            mtu=1420,
            peers=tuple(
                PeerPlan(
                    name=other,
                    public_key=public_key(numbers[other]),
                    allowed_ips=(
                        (POOL,) if other == relay else (Prefix(4, POOL.value + numbers[other], 32),)
                    ),
                    endpoint=specs[other].endpoints[0] if specs[other].endpoints else None,
                    keepalive=25 if hidden else None,
                    preshared=True,
                )
                for other in others
            ),
            forwarding=Forwarding((4,), (POOL,), relay=True) if name == relay else Forwarding(),
        )
    return MeshPlan(spec=spec, nodes=nodes)

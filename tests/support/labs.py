"""Small networks for the tests of the lab, as values that need no file."""

from __future__ import annotations

from meshc.prefixes import Prefix
from meshc.topology.language.spec import Nat, NetworkSpec, NodeSpec, Role, SiteSpec, Spec
from meshc.wg.endpoint import Endpoint


def a_spec(*nodes: NodeSpec, sites: tuple[SiteSpec, ...] = (), **network: object) -> Spec:
    """A Spec of these nodes with two pools."""
    pools = (Prefix.parse("10.44.0.0/24"), Prefix.parse("fd44::/64"))
    return Spec(
        network=NetworkSpec(name="test", pools=pools, **network),  # type: ignore[arg-type]
        nodes={node.name: node for node in sorted(nodes, key=lambda node: node.name)},
        sites={site.name: site for site in sites},
        groups={},
    )


def endpoint(text: str, port: int = 51820) -> Endpoint:
    """An endpoint from a literal address or a host name."""
    return Endpoint(text, port)


def relay(name: str = "relay", *hosts: str, **more: object) -> NodeSpec:
    """A public relay, which listens at the port of its endpoints."""
    return NodeSpec(
        name=name,
        role=Role.RELAY,
        listen_port=51820,
        endpoints=tuple(endpoint(host) for host in hosts or ("relay.example.com",)),
        **more,  # type: ignore[arg-type]
    )


def behind(name: str, nat: Nat, site: str | None = None, **more: object) -> NodeSpec:
    """A node without an endpoint behind a NAT of this kind."""
    return NodeSpec(name=name, nat=nat, site=site, **more)  # type: ignore[arg-type]


def home(nat: Nat = Nat.PORT_RESTRICTED, *lans: str) -> SiteSpec:
    """A site called home."""
    return SiteSpec("home", nat, tuple(Prefix.parse(lan) for lan in lans or ("192.168.1.0/24",)))

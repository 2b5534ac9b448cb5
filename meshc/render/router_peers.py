"""A router's peers as its script prints them, pre-shared keys included."""

from __future__ import annotations

from collections.abc import Iterator

from meshc.keys import LinkKeys
from meshc.prefixes import Prefix
from meshc.render.node_secrets import Secrets
from meshc.secret import SecretText
from meshc.topology.planner.mesh_plan import MeshPlan, NodePlan
from meshc.values import dataclass
from meshc.wg.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class RouterPeer:
    """What a script says of one peer."""

    name: str
    public_key: str
    preshared_key: SecretText | None
    allowed_ips: tuple[Prefix, ...]
    endpoint: Endpoint | None
    keepalive: int | None


def router_peers(plan: MeshPlan, node: NodePlan, secrets: Secrets) -> Iterator[RouterPeer]:
    """In the order of the plan."""
    derive = None
    given = secrets.given_keys(plan.spec).get(node.name, {})
    if secrets.network is not None:
        derive = LinkKeys(secrets.network, plan.epoch).of(node.public_key.encode())
    for peer in node.peers:
        psk = None
        if peer.name in given:
            psk = SecretText(given[peer.name].reveal())
        elif peer.preshared:
            assert derive is not None, "pre-shared keys need the network secret"
            psk = SecretText(derive(peer.public_key.encode()).decode())
        yield RouterPeer(
            peer.name, peer.public_key, psk, peer.allowed_ips, peer.endpoint, peer.keepalive
        )

"""Routes and cryptokey routing of one node, as wg-quick(8) and WireGuard leave them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshc.prefixes import Prefix
from meshc.topology.proof.expectation import NodeFacts
from meshc.topology.proof.node_model import NodeModel, merged_peers, model_of
from meshc.topology.proof.policy_routing import RouteKind
from meshc.wg.conf import parse
from tests.support.wire import main_example, private_key

IP = 0x0A2C0005  # 10.44.0.5


def model(head: str, allowed: str = "10.44.0.0/24", **facts: object) -> NodeModel:
    key = private_key("peer").public_key()
    text = f"[Interface]\n{head}\n[Peer]\nPublicKey = {key}\nAllowedIPs = {allowed}\n"
    return model_of(replace(NodeFacts(name="n"), **facts), parse(text))  # type: ignore[arg-type]


ROUTES = {
    "allowed": ("Address = 10.44.0.9/32", "10.44.0.0/24", RouteKind.TUNNEL),
    "own": ("Address = 10.44.0.5/32", "10.44.0.0/24", RouteKind.OWN),
    "none": ("Address = 10.44.0.9/32", "10.45.0.0/24", RouteKind.UPLINK),
    "interface network": ("Address = 10.44.0.9/24", "10.45.0.0/24", RouteKind.TUNNEL),
    "table off": ("Address = 10.44.0.9/32\nTable = off", "10.44.0.0/24", RouteKind.UPLINK),
    "table off, own network": (
        "Address = 10.44.0.9/24\nTable = off",
        "10.44.0.0/24",
        RouteKind.TUNNEL,
    ),
    "table off, hook": (
        "Address = 10.44.0.9/32\nTable = off\nPostUp = ip route add 10.44.0.0/24 dev %i",
        "10.44.0.0/24",
        RouteKind.TUNNEL,
    ),
    "hook of another device": (
        "Address = 10.44.0.9/32\nTable = off\nPostUp = ip route add 10.44.0.0/24 dev eth0",
        "10.44.0.0/24",
        RouteKind.UPLINK,
    ),
    "default by hook": (
        "Address = 10.44.0.9/32\nTable = off\nPostUp = ip -4 route add default dev wg0",
        "0.0.0.0/0",
        RouteKind.TUNNEL,
    ),
    "numbered table": ("Address = 10.44.0.9/32\nTable = 7", "10.44.0.0/24", RouteKind.UPLINK),
    "numbered table with a rule": (
        "Address = 10.44.0.9/32\nTable = 7\nPostUp = ip rule add from all lookup 7",
        "10.44.0.0/24",
        RouteKind.TUNNEL,
    ),
    "default route": ("Address = 10.44.0.9/32", "0.0.0.0/0, ::/0", RouteKind.TUNNEL),
}


@pytest.mark.parametrize(("head", "allowed", "way"), ROUTES.values(), ids=ROUTES)
def test_where_the_kernel_sends_it(head: str, allowed: str, way: RouteKind) -> None:
    assert model(head, allowed).route(4, IP)[0] is way


@pytest.mark.parametrize(
    ("lan", "way"),
    [
        ("10.44.0.0/24", RouteKind.LAN),
        ("10.44.0.0/28", RouteKind.LAN),
        ("10.0.0.0/8", RouteKind.TUNNEL),
    ],
)
def test_a_connected_network_wins_when_it_is_as_narrow(lan: str, way: RouteKind) -> None:
    node = model("Address = 10.44.0.9/32", lans=(Prefix.parse(lan),))
    assert node.route(4, IP)[0] is way


def test_a_prefix_belongs_to_the_last_who_claims_it() -> None:
    one, two = private_key("one").public_key(), private_key("two").public_key()
    conf = parse(
        f"[Interface]\n[Peer]\nPublicKey = {one}\nAllowedIPs = 10.44.0.0/24\n"
        f"[Peer]\nPublicKey = {two}\nAllowedIPs = 10.44.0.0/24, 10.44.0.5\n"
    )
    node = model_of(NodeFacts(name="n"), conf)
    assert node.peer_for(4, IP) == (two, Prefix.parse("10.44.0.5/32"))
    assert node.peer_for(4, IP + 1) == (two, Prefix.parse("10.44.0.0/24"))


def test_two_sections_of_one_peer() -> None:
    peer = main_example().files()[2].conf.peers[0]
    later = peer._replace(allowed_ips=(Prefix.parse("10.9.0.0/16"),), endpoint=None, keepalive=0)
    (merged,) = merged_peers([peer, later]).values()
    assert merged.allowed_ips == later.allowed_ips
    assert merged.endpoint == peer.endpoint
    assert merged.keepalive == 0
    assert merged.preshared_key == peer.preshared_key

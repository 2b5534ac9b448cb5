"""Who forwards what."""

from __future__ import annotations

from meshc.prefixes import Prefix
from meshc.topology.planner.mesh_plan import Forwarding
from meshc.topology.planner.policy.forwarding import forwarding_of
from tests.support import specs
from tests.support.specs import node

DUAL = "10.44.0.0/24 fd44::/64"
POOLS = (Prefix.parse("10.44.0.0/24"), Prefix.parse("fd44::/64"))


def forwarding(one: specs.NodeSpec, mtus: tuple[int, ...] = (1420,)) -> Forwarding:
    return forwarding_of(specs.spec([one], pools=DUAL), one, mtus)


def test_a_leaf_forwards_nothing() -> None:
    assert not forwarding(node("a")).needed


def test_a_relay() -> None:
    assert forwarding(node("a", relay=True)) == Forwarding((4, 6), POOLS, relay=True)


def test_a_relay_between_links_of_different_mtu() -> None:
    assert forwarding(node("a", relay=True), (1420, 1280)).clamp_mss


def test_a_router() -> None:
    lan = Prefix.parse("192.168.1.0/24")
    assert forwarding(node("a", routes="192.168.1.0/24", masquerade=False)) == Forwarding(
        (4, 6), POOLS, lans=(lan,), masquerade=False, clamp_mss=True
    )


def test_an_exit() -> None:
    assert forwarding(node("a", exit_node=True)) == Forwarding(
        (4, 6), POOLS, exit=True, clamp_mss=True
    )
